// Differences: the words that stand in one of two texts alone, found when an example is opened and written nowhere.
const WORDS = new Intl.Segmenter("en", { granularity: "word" });
// With a larger table than this, texts are compared line by line: a third of a second, and 32 MB.
const CELLS = 2 ** 23;

const piece = (text, start) => ({ text: text.normalize("NFC"), start, end: start + text.length });
const wordsOf = (text) => [...WORDS.segment(text)].filter(({ segment }) => segment.trim() !== "").map(({ segment, index }) => piece(segment, index));
const linesOf = (text) => [...text.matchAll(/\S(?:.*\S)?/g)].map((line) => piece(line[0], line.index));

// Two texts' marks; white space makes no difference, and between two words that differ it belongs to them.
function differing(...texts) {
  for (const cut of [wordsOf, linesOf]) {
    const parts = texts.map(cut);
    const only = changed(...parts);
    if (only !== null || cut === linesOf) return parts.map((each, side) => runs(each, only?.[side]));
  }
}

// Of either list, whether each part is changed on the shortest way to the other; null where the table would be too large.
function changed(one, other) {
  const only = [one, other].map((each) => new Array(each.length).fill(false));
  const same = (i, j) => one[i].text === other[j].text;
  let first = 0;
  let [i, j] = [one.length, other.length];
  while (first < i && first < j && same(first, first)) first++;
  while (i > first && j > first && same(i - 1, j - 1)) [i, j] = [i - 1, j - 1];
  const width = j - first + 1;
  if ((i - first + 1) * width > CELLS) return null;
  // What it costs to make one beginning of the other, for all beginnings.
  const costs = new Uint32Array((i - first + 1) * width);
  const at = (k, l) => (k - first) * width + l - first;
  for (let l = first; l <= j; l++) costs[at(first, l)] = l - first;
  for (let k = first + 1; k <= i; k++) {
    costs[at(k, first)] = k - first;
    for (let l = first + 1; l <= j; l++) {
      costs[at(k, l)] = Math.min(costs[at(k - 1, l - 1)] + (same(k - 1, l - 1) ? 0 : 1), costs[at(k - 1, l)] + 1, costs[at(k, l - 1)] + 1);
    }
  }
  while (i > first || j > first) {
    const cost = costs[at(i, j)];
    if (i > first && j > first && cost === costs[at(i - 1, j - 1)] + (same(i - 1, j - 1) ? 0 : 1)) {
      [i, j] = [i - 1, j - 1];
      if (!same(i, j)) only[0][i] = only[1][j] = true;
    } else if (i > first && cost === costs[at(i - 1, j)] + 1) only[0][--i] = true;
    else only[1][--j] = true;
  }
  return only;
}

// The marks of what is changed, all where ``only`` is not known; parts that follow each other have one.
function runs(parts, only) {
  const marks = [];
  parts.forEach(({ start, end }, i) => {
    if (only?.[i] === false) return;
    if (i > 0 && only?.[i - 1] !== false) marks.at(-1)[1] = end;
    else marks.push([start, end, "only"]);
  });
  return marks;
}
