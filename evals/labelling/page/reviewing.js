// Reviewing: which of the proposed pieces of a query are private, and which others the person marks or writes.
let item, boxes, added;
const drafts = new Map(); // what was begun on a query before one went back, by its text

const KEYS = [["1 … 9 b d …", "tick the piece of that key"], ["Space ↑ ↓", "tick a piece, go to another"], ["a", "tick all, or none"],
  ["m", "add what is marked in the query"], ["w", "write a piece; Esc leaves it"], ["Enter", "keep it and go on"], ["u Backspace", "take back the last query"]];

const name = () => JSON.stringify(item.pieces);

function about() {
  document.title = document.querySelector("h1").textContent = "Reviewing units";
  const keys = KEYS.map(([key, words]) => make("div", null, make("dt", null, make("kbd", null, key)), make("dd", null, words)));
  at("keys").querySelector("dl").replaceChildren(...keys);
}

function queryPart() {
  const pieces = item.pieces.map(([text, number]) => (number === null ? text : make("mark", { "data-number": number + 1 }, text)));
  const block = make("div", { class: "text", dir: "auto", id: "query", tabindex: "0" }, ...pieces);
  return make("section", { class: "part" }, make("h3", null, "Query"), block);
}

function proposalsPart() {
  boxes = item.proposals.map((each) => {
    const box = make("input", { type: "checkbox" });
    box.checked = each.accepted;
    return box;
  });
  const lines = item.proposals.map((each, place) =>
    unitLine(boxes[place], place, make("span", { dir: "auto" }, each.unit), make("small", null, each.said)));
  const none = lines.length ? [] : [make("p", null, "Nothing is proposed.")];
  return make("fieldset", null, make("legend", null, "Tick what is private"), ...lines, ...none);
}

function addedPart() {
  const list = make("ul", { id: "added", "aria-label": "Added pieces" });
  const text = make("textarea", { id: "written", rows: "1", "aria-label": "A piece to add", placeholder: "write a piece, Enter adds it" });
  text.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.isComposing) return;
    event.preventDefault();
    event.stopPropagation();
    addWritten();
  });
  const buttons = make("div", { class: "choices" }, choice("m", "Add what is marked", addMarked));
  return make("section", { class: "part" }, make("h3", null, "More that is private"), list, text, buttons);
}

function drawAdded() {
  at("added").replaceChildren(...added.map((unit) => {
    const remove = make("button", { type: "button", "aria-label": `Remove ${unit}` }, "×");
    remove.addEventListener("click", () => {
      added = added.filter((other) => other !== unit);
      drawAdded();
    });
    return make("li", null, make("span", { dir: "auto" }, unit), " ", remove);
  }));
}

function add(unit) {
  const bare = unit.trim();
  if (bare !== "" && !added.includes(bare)) added.push(bare);
  drawAdded();
}

function addWritten() {
  add(at("written").value);
  at("written").value = "";
}

function addMarked() {
  const marked = getSelection();
  if (at("query").contains(marked.anchorNode) && at("query").contains(marked.focusNode)) add(marked.toString());
  marked.removeAllRanges();
  at("query").focus({ preventScroll: true }); // Enter goes on, and does not press the button again
}

const all = () => {
  const on = boxes.some((box) => !box.checked);
  for (const box of boxes) box.checked = on;
};

function done() {
  drafts.delete(name());
  addWritten(); // what was typed and not entered yet is meant too
  answered({ accepted: boxes.map((box) => box.checked), added });
}

function tick(place) {
  boxes[place].click();
  boxes[place].focus();
}

const question = {
  comments: false,
  show(shown) {
    item = shown;
    added = [...shown.added];
    const head = make("h2", { id: "step", tabindex: "-1" }, "Which pieces are private?");
    const go = make("div", { class: "choices", role: "group", "aria-label": "Your answer" }, choice("Enter", "Go on", done), choice("a", "Tick all", all));
    at("item").replaceChildren(head, make("div", { class: "beside" }, queryPart(), make("div", null, proposalsPart(), addedPart())), go);
    const draft = drafts.get(name());
    if (draft) {
      added = draft.added;
      at("written").value = draft.written;
      draft.ticked.forEach((ticked, place) => (boxes[place].checked = ticked));
    }
    drawAdded();
    scrollTo(0, 0);
    head.focus({ preventScroll: true });
  },
  key(event, letters) {
    const focused = document.activeElement, place = boxes.indexOf(focused);
    if (event.key === "Enter" && !["BUTTON", "SUMMARY"].includes(focused.tagName) && focused.id !== "keys-on") done();
    else if (["ArrowDown", "ArrowUp"].includes(event.key) && place >= 0) {
      boxes[Math.min(boxes.length - 1, Math.max(0, place + (event.key === "ArrowDown" ? 1 : -1)))].focus();
    } else if (event.key === " " && focused.id === "step" && boxes.length) tick(0);
    else if (!letters) return false;
    else if (event.key === "a") all();
    else if (event.key === "m") addMarked();
    else if (event.key === "w") at("written").focus();
    else if (boxes[TICKS.indexOf(event.key)]) tick(TICKS.indexOf(event.key));
    else return false;
    return true;
  },
  back() {
    drafts.set(name(), { added, written: at("written").value, ticked: boxes.map((box) => box.checked) });
    return false;
  },
};
about();
