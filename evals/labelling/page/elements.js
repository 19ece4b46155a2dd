// Elements: made of names and texts; a text never becomes anything but text.
const at = (name) => document.getElementById(name);

function make(tag, attributes, ...children) {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes ?? {})) node.setAttribute(name, value);
  node.append(...children);
  return node;
}

// A button with the key that does the same.
function choice(key, words, act) {
  const button = make("button", { type: "button", class: "choice" }, make("kbd", { "aria-hidden": "true" }, key), ` ${words}`);
  button.addEventListener("click", act);
  return button;
}

// A text of a row under its name.
function part(name, text) {
  const block = text === "" ? make("p", { class: "text empty" }, "empty") : make("div", { class: "text", dir: "auto" }, text);
  return make("section", { class: "part" }, make("h3", null, name), block);
}

// The keys of units, in their order; the letters that are not here mean something else.
const TICKS = [..."123456789bdefghijklnopqrstvxyz"];

// A unit's line with its key, where there is one.
function unitLine(box, place, ...texts) {
  const key = TICKS[place] ? [make("kbd", { "aria-hidden": "true" }, TICKS[place])] : [];
  return make("label", { class: "unit" }, box, ...key, ...texts);
}
