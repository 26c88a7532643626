"""The instrument in a browser: what it is sent, and the scripts that draw it and move it."""
