"""Supports that particles lie on: films of carbon or a compound, graphene, or none."""
