"""The config database in etcd, over its JSON gateway."""
