"""What every vrouter must have, and which of it is confirmed."""
