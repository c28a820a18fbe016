"""What joins the hosts of a lab: one flat segment, or racks with a routed fabric between them."""
