"""The only bridge between torch and bytes: nothing outside imports torch."""
