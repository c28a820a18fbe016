"""What a request may do to QoS policies and their rules, and who may have a policy."""
