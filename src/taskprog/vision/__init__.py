"""Goods and containers in images: the network that finds them, its training and its scores."""
