/* Pictures in a composer: chosen by a button of its toolbar, pasted or dropped into its text. Each is sent at once; the Markdown
   that shows it goes to the caret, with the words to replace by a description selected. */
import { $, $$, say } from "./shell.js";

const TYPES = ["image/png", "image/jpeg", "image/webp", "image/gif"];

class Composer {
  #form;
  #text;
  #words;
  #line; // what is being done, or went wrong, below the text
  #sending = Promise.resolve(); // one after another, in their order

  constructor(link) {
    this.#form = link.closest("form");
    this.#text = $("textarea[name=text]", this.#form);
    this.#words = { ...link.dataset, url: link.href };
    this.#line = Object.assign(document.createElement("p"), { className: "note picture-line", hidden: true });
    this.#text.after(this.#line);
    link.replaceWith(...this.#button(link));
    this.#text.addEventListener("paste", (event) => this.#take(event, event.clipboardData));
    this.#text.addEventListener("dragover", (event) => {
      if (event.dataTransfer.types.includes("Files")) event.preventDefault();
    });
    this.#text.addEventListener("drop", (event) => this.#take(event, event.dataTransfer));
  }

  #button(link) {
    const input = Object.assign(document.createElement("input"), { type: "file", accept: TYPES.join(","), multiple: true, hidden: true });
    const button = Object.assign(document.createElement("button"), { type: "button", className: link.className, textContent: link.textContent });
    button.addEventListener("click", () => input.click());
    input.addEventListener("change", () => {
      this.#add([...input.files]);
      input.value = "";
    });
    return [button, input];
  }

  /* Files alone are taken: a copied table or formula may bring a picture of itself beside its text. */
  #take(event, data) {
    const files = [...data.files];
    if (!files.length || data.types.includes("text/plain")) return;
    event.preventDefault();
    this.#add(files);
  }

  #add(files) {
    for (const file of files) this.#sending = this.#sending.then(() => this.#send(file));
  }

  async #send(file) {
    if (!TYPES.includes(file.type)) return this.#tell(this.#words.not, true);
    if (file.size > Number(this.#words.max)) return this.#tell(this.#words.large, true);
    const place = this.#reserve();
    try {
      const { url } = await this.#upload(file);
      this.#fill(place, url);
      this.#tell(this.#words.done);
    } catch (error) {
      this.#fill(place, null);
      this.#tell(error.message, true);
    }
  }

  #upload(file) {
    const form = new FormData();
    for (const name of ["csrfmiddlewaretoken", "form_owner"]) {
      const field = $(`[name=${name}]`, this.#form);
      if (field) form.set(name, field.value);
    }
    form.set("picture", file);
    const working = (part) => this.#show(this.#words.working.replace("{name}", file.name).replace("{percent}", Math.round(100 * part)));
    working(0);
    say(this.#line.textContent);
    return new Promise((done, failed) => {
      const request = new XMLHttpRequest(); // fetch tells nothing of how much has been sent
      request.open("POST", this.#words.url);
      request.setRequestHeader("Accept", "application/json");
      request.responseType = "json";
      request.upload.addEventListener("progress", (event) => working(event.lengthComputable ? event.loaded / event.total : 0));
      request.addEventListener("load", () => {
        if (request.status === 201) done(request.response);
        else failed(new Error(request.response?.detail ?? $("#words").dataset.failed));
      });
      for (const kind of ["error", "timeout", "abort"]) request.addEventListener(kind, () => failed(new Error($("#words").dataset.offline)));
      request.send(form);
    });
  }

  /* While a picture is sent, its place in the text is a line that nobody else writes: one may go on typing around it. */
  #reserve() {
    const mark = `![… ${crypto.randomUUID?.().slice(0, 8) ?? Math.random().toString(16).slice(2, 10)}]()`;
    const { value } = this.#text, at = this.#end();
    const before = at && value[at - 1] !== "\n" ? "\n\n" : "", after = value[at] && value[at] !== "\n" ? "\n\n" : "";
    this.#replace(at, at, before + mark + after, at + before.length + mark.length + after.length);
    return mark;
  }

  /* The caret, or the end of what is selected; after a picture whose description is being written. */
  #end() {
    const { value, selectionEnd: at } = this.#text;
    const within = /!\[[^\]\n]*$/.test(value.slice(0, at)) && /^[^\]\n]*\]\([^)\n]*\)/.exec(value.slice(at));
    return at + (within ? within[0].length : 0);
  }

  #fill(mark, url) {
    const at = this.#text.value.indexOf(mark);
    if (at < 0) return; // deleted meanwhile
    if (!url) return this.#replace(at, at + mark.length, "", at);
    const { describe } = this.#words;
    this.#replace(at, at + mark.length, `![${describe}](${url})`, at + 2, at + 2 + describe.length);
    this.#text.focus();
  }

  #replace(from, to, text, selectFrom, selectTo = selectFrom) {
    this.#text.setRangeText(text, from, to);
    this.#text.setSelectionRange(selectFrom, selectTo);
    this.#text.dispatchEvent(new Event("input", { bubbles: true })); // the draft is kept
  }

  #tell(text, wrong = false) {
    this.#show(text, wrong);
    say(text);
  }

  #show(text, wrong = false) {
    this.#line.textContent = text;
    this.#line.classList.toggle("wrong", wrong);
    this.#line.hidden = false;
  }
}

export const takePictures = (root = document) => $$("form.composer .picture-add", root).filter((link) => link.matches("a")).forEach((link) => new Composer(link));

takePictures();
