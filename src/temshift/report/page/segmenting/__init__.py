"""Pages of segmented micrographs: of one, of several, and of several that are held against labels."""
