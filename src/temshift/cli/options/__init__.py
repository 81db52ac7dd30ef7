"""The options of each verb; a verb's own module is imported when it is called."""
