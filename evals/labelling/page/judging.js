// Judging: the questions of one row: which of two replies is better, then what the request gives away.
let item, chosen, boxes;

// What of the row is asked now: "replies", "units", or "nothing" where the row has neither.
let step;

function stepTo(next) {
  step = next;
  boxes = [];
  const shows = { replies: repliesStep, units: unitsStep, nothing: nothingStep };
  const [name, ...parts] = shows[step]();
  const head = make("h2", { id: "step", tabindex: "-1" }, name);
  at("item").replaceChildren(head, ...parts);
  scrollTo(0, 0);
  head.focus({ preventScroll: true });
}

const CHOICES = { 1: ["A", "A is better"], 2: ["same", "Both are equally good"], 3: ["B", "B is better"], 0: ["cannot tell", "Cannot tell"] };

function repliesStep() {
  const [a, b] = item.replies;
  const buttons = [1, 2, 3, 0].map((key) => choice(key, CHOICES[key][1], () => choose(CHOICES[key][0])));
  return [
    "Which reply serves the query better?",
    part("Query", item.query),
    make("div", { class: "beside" }, part("Reply A", a), part("Reply B", b)),
    make("div", { class: "choices", role: "group", "aria-label": "Your answer" }, ...buttons),
  ];
}

function unitsStep() {
  boxes = item.units.map(() => make("input", { type: "checkbox" }));
  const units = item.units.map((unit, place) => unitLine(boxes[place], place, make("span", { dir: "auto" }, unit)));
  const ticks = make("fieldset", { "aria-describedby": "requests" }, make("legend", null, "Tick what stands there, in whatever words"), ...units);
  const many = item.requests.length > 1;
  const requests = item.requests.map((request, place) => part(many ? `Request ${place + 1}` : "Request to the untrusted model", request));
  return [
    many ? "What do the requests give away?" : "What does the request give away?",
    make("div", { class: "beside" }, make("div", null, make("div", { id: "requests" }, ...requests), ticks), part("Query", item.query)),
    make(
      "div", { class: "choices", role: "group", "aria-label": "Your answer" },
      choice("Enter", "Go on", done), choice("a", "Tick all", all), choice("0", "Cannot tell", () => send(null)),
    ),
  ];
}

function nothingStep() {
  return [
    "There is nothing to judge in this row",
    part("Query", item.query),
    make("div", { class: "choices" }, choice("Enter", "Go on", () => send(null))),
  ];
}

function choose(what) {
  chosen = what;
  if (item.units.length) stepTo("units");
  else send(null);
}

const all = () => {
  const on = boxes.some((box) => !box.checked);
  for (const box of boxes) box.checked = on;
};
const done = () => send(boxes.map((box) => box.checked));
const send = (leakage) => answered({ choice: chosen, leakage });

// The unit that a key with Shift ticks as the last one; where digits themselves need Shift, they have none.
function last(event) {
  if (!event.shiftKey || /\d/.test(event.key)) return undefined;
  const digit = /^Digit([1-9])$/.exec(event.code);
  return boxes[TICKS.indexOf(digit ? digit[1] : event.key.toLowerCase())];
}

// Tick a unit and go there, so that a reader is told.
function tick(place) {
  boxes[place].click();
  boxes[place].focus();
}

const question = {
  comments: true,
  show(shown) {
    [item, chosen] = [shown, null];
    stepTo(item.replies !== null ? "replies" : item.units.length ? "units" : "nothing");
  },
  // Whether a key meant something here; those of one letter or number only where such keys act.
  key(event, letters) {
    const focused = document.activeElement, place = boxes.indexOf(focused);
    if (event.key === "Enter" && !["BUTTON", "SUMMARY"].includes(focused.tagName) && focused.id !== "keys-on") {
      if (step === "replies") return false;
      (step === "units" ? done : () => send(null))();
    } else if (step === "units" && ["ArrowDown", "ArrowUp"].includes(event.key) && place >= 0) {
      boxes[Math.min(boxes.length - 1, Math.max(0, place + (event.key === "ArrowDown" ? 1 : -1)))].focus();
    } else if (step === "units" && event.key === " " && focused.id === "step") tick(0);
    else if (!letters) return false;
    else if (step === "replies" && event.key in CHOICES) choose(CHOICES[event.key][0]);
    else if (step === "units" && event.key === "0") send(null);
    else if (step === "units" && event.key === "a") all();
    else if (step === "units" && boxes[TICKS.indexOf(event.key)]) tick(TICKS.indexOf(event.key));
    else if (step === "units" && event.key === "A") { all(); done(); }
    else if (step === "units" && last(event)) { last(event).click(); done(); }
    else return false;
    return true;
  },
  // Whether there was a step to go back within the row.
  back() {
    if (step !== "units" || item.replies === null) return false;
    stepTo("replies");
    return true;
  },
};
