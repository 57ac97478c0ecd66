/* Today: grades that were kept while there was no connection are sent, and the page is told when they are. */
import { flush, waiting } from "./grades.js";

if (waiting().length) flush().then((done) => { if (done) location.reload(); });
