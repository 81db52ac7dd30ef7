"""Parts of a study: their tables gathered, joined and made small."""
