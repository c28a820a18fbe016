"""Where frames leave the overlay: physical segments, gateway ports, floating IPs."""
