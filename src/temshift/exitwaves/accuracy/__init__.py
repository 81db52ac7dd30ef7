"""How well a sampling holds the scattering of a specimen: from columns through its particles."""
