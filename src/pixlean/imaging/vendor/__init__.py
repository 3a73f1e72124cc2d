"""Other people's code, unchanged: svgo 4.1.0 (MIT), the browser build of its npm package."""
