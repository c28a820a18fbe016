"""The DNS service: answers from the network's view, or from resolvers, within bounds."""
