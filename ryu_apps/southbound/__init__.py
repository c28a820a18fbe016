"""What is below: hypervisors' databases, their switches, and the packets that these punt."""
