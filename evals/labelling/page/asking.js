// Asking: what there is to show comes from the server, answers go to it, and each answer brings what is next. Which
// questions these are, `question` knows: it shows an item, takes keys, goes back within one, and may take comments.
let showing, waiting = false, over = false;
const LOST = "The command has ended or was started anew: this page can keep nothing any more. Every answer that was followed by another row is kept; start the command again and open the address that it prints.";

async function ask(name, body) {
  if (waiting) return;
  waiting = true;
  try {
    const post = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body ?? {}) };
    const reply = await fetch(name, name === "state" ? {} : post);
    const state = (reply.headers.get("Content-Type") ?? "").startsWith("application/json") ? await reply.json() : null;
    if (state === null) problem(LOST);
    else show(state);
  } catch {
    problem(LOST);
  } finally {
    waiting = false;
  }
}

function problem(words) {
  at("problem").hidden = words === "";
  at("problem").firstElementChild.textContent = words;
  if (words !== "") at("problem").scrollIntoView({ block: "nearest" });
}

function show(state) {
  problem(state.problem);
  const now = state.item === null ? "end" : state.item.showing;
  at("left").textContent = state.left ? `${state.left} left of ${state.of}` : `${state.of} of ${state.of}`;
  Object.assign(at("progress"), { max: state.of, value: state.of - state.left });
  if (now === showing) return; // what was not kept stays as it was answered
  showing = now;
  at("comment").value = "";
  at("remark").open = false;
  at("item").hidden = state.item === null;
  at("end").hidden = state.item !== null;
  at("remark").hidden = state.item === null || !question.comments;
  if (state.item !== null) question.show(state.item);
  else end(state);
}

function end(state) {
  at("item").replaceChildren();
  at("end-name").textContent = `All ${state.of} are done`;
  at("end").querySelector("ul").replaceChildren(...state.closing.map((sentence) => make("li", null, sentence)));
  at("end-name").focus();
}

const answered = (answer) => ask("answer", { showing, comment: at("comment").value, ...answer });

function undo() {
  if (showing === "end" || !question.back()) ask("undo");
}

async function finish() {
  if (over || showing !== "end") return;
  over = true;
  await ask("end");
  at("end-name").textContent = "The command has ended; this page can be closed";
  at("finish").hidden = at("undo").hidden = true;
}

function act(event) {
  const letters = at("keys-on").checked, writing = event.target.tagName === "TEXTAREA";
  if (event.ctrlKey || event.altKey || event.metaKey || event.repeat || waiting || over) return false;
  if (writing) {
    if (event.key !== "Escape") return false;
    (at("step") ?? at("end-name")).focus();
  } else if (showing === "end" && event.key === "Enter" && event.target.tagName !== "BUTTON") finish();
  else if (showing !== "end" && question.key(event, letters)) return true;
  else if (!letters) return false;
  else if (event.key === "u" || event.key === "Backspace") undo();
  else if (event.key === "?") at("keys").open = !at("keys").open;
  else if (event.key === "c" && !at("remark").hidden) {
    at("remark").open = true;
    at("comment").focus();
  } else return false;
  return true;
}

document.addEventListener("keydown", (event) => { if (act(event)) event.preventDefault(); });
at("undo").addEventListener("click", undo);
at("finish").addEventListener("click", finish);
ask("state");
