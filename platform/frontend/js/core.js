/* On every page: the shell, and htmx with our manners. */
import "./shell.js";
import "./phrases.js";
import "./requests.js";
