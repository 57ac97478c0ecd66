/* What one writes is stored on the device until the site has it. `shell.js` removes it all when one signs out. */
const DRAFT = "gradus-draft-";
const MAX_AGE_MS = 7 * 24 * 3600 * 1000; // an attempt lasts a day, and an older reply is out of place

export const store = { // "<when> <text>"
  get: (key) => { try { return localStorage.getItem(DRAFT + key)?.replace(/^\d+ /, "") ?? ""; } catch { return ""; } },
  set: (key, value) => { try { localStorage.setItem(DRAFT + key, `${Date.now()} ${value}`); return true; } catch { return false; /* storage is full or off: no draft */ } },
  drop: (key) => { try { localStorage.removeItem(DRAFT + key); } catch { /* storage is off: no draft */ } },
  names: () => { try { return Object.keys(localStorage).filter((key) => key.startsWith(DRAFT)).map((key) => key.slice(DRAFT.length)); } catch { return []; } },
};

for (const name of store.names()) {
  try {
    if (!(parseInt(localStorage.getItem(DRAFT + name)) > Date.now() - MAX_AGE_MS)) store.drop(name);
  } catch { /* storage is off */ }
}
