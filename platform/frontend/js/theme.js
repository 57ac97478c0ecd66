/* Runs before the first paint. The server writes the theme into the page; a page that it
   wrote without knowing the reader (the plain error page) takes it from the cookie. */
const root = document.documentElement;
root.dataset.scripts = ""; // what only scripts can do shows itself by this
const cookie = /(?:^|; )(?:__Host-)?theme=(light|dark)/.exec(document.cookie);
if (!root.dataset.theme && cookie) root.dataset.theme = cookie[1];
