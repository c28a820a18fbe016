"""What a port has in the pipeline: its own flows, guards, announcements and punts."""
