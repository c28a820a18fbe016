"""What a request may do about copies of what ports send and receive."""
