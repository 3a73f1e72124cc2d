"""SVG: one allow-list that every drawing goes through, what lives in a drawing, and minifiers that keep it."""
