// SPDX-License-Identifier: Apache-2.0
"use strict";
// Runs the core on what is typed. Texts of others are only ever put into the page as text.

// Words that are read, even if the student would read more: drawing more would be felt.
const MOST_WORDS = 2000;
// Characters that are shown behind the words that were read.
const MOST_UNREAD = 2000;
const REGRESSION = 2;
// Characters of a text that an address keeps; longer addresses are cut by some programs.
const MOST_SHARED = 2000;
const SHARED = "#text=";
// Milliseconds for which one text is classified again and again, to measure its time.
const MEASURED = 30;
const NUMBERS = ["problem", "labels", "words", "wordLimit", "explanation", "logitBits", "scoreBits"];
const ANSWER = [
  "label", "words", "contributionLabels", "cut", "logits", "probabilities", "contributions",
  "scores", "starts", "ends", "rows", "answered",
];

const element = (id) => document.getElementById(id);
const encoder = new TextEncoder();
const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
let core = null;
let student = null; // What was read from the file, and where it lies.
let chosen = null; // The label that was clicked; null for the predicted one.
const teachers = new Map(); // What the teacher says of the examples, by their texts.

function fromBase64(text) {
  return Uint8Array.from(atob(text), (character) => character.charCodeAt(0));
}

function aligned(place) {
  return Math.ceil(place / 16) * 16;
}

function ensure(size) {
  const missing = size - core.memory.buffer.byteLength;
  if (missing > 0) core.memory.grow(Math.ceil(missing / 65536));
}

function put(bytes, place) {
  ensure(place + bytes.length);
  new Uint8Array(core.memory.buffer).set(bytes, place);
}

function bytesAt(place, length) {
  return new Uint8Array(core.memory.buffer, place, length);
}

function message(status) {
  const start = core.message(status);
  const bytes = new Uint8Array(core.memory.buffer);
  return decoder.decode(bytes.subarray(start, bytes.indexOf(0, start)));
}

// Opens a file; the student that was there before is gone.
function openStudent(bytes, name) {
  const place = aligned(core.memory_start());
  put(bytes, place);
  const status = core.open_file(place, bytes.length);
  student = null;
  chosen = null;
  if (status === 0) {
    student = { end: aligned(place + bytes.length), names: [] };
    NUMBERS.forEach((key, which) => { student[key] = core.number(which); });
    for (let label = 0; label < student.labels; label++) {
      const name = bytesAt(core.label_name(label), core.label_length(label));
      student.names.push(decoder.decode(name));
    }
  }
  element("status").textContent = student
    ? `${name}: ${bytes.length.toLocaleString("en")} bytes, ${student.words.toLocaleString("en")} words, `
      + "everything is computed on this device."
    : `${name}: ${message(status)}`;
  element("text").disabled = !student;
  update();
}

// Classifies a text: the numbers of the answer, copied out of the core's memory.
function classify(text) {
  const bytes = encoder.encode(text);
  const limit = Math.min(student.wordLimit, MOST_WORDS, Math.max(bytes.length, 1));
  const needed = core.memory_needed(limit);
  const place = aligned(student.end + bytes.length);
  put(bytes, student.end);
  ensure(place + needed);
  const status = core.classify(student.end, bytes.length, limit, place, needed);
  if (status !== 0) throw new Error(message(status));
  const fields = new Uint32Array(core.memory.buffer, core.last_answer(), ANSWER.length);
  const answer = { bytes };
  ANSWER.forEach((key, which) => { answer[key] = fields[which]; });
  const copy = (Kind, at, length) => new Kind(core.memory.buffer, at, length).slice();
  answer.logits = copy(Int32Array, answer.logits, student.labels);
  answer.probabilities = copy(Uint32Array, answer.probabilities, student.labels);
  answer.contributions = copy(Int32Array, answer.contributions, answer.words * student.labels);
  for (const key of ["starts", "ends", "rows"]) answer[key] = copy(Uint32Array, answer[key], answer.words);
  answer.scores = copy(Int32Array, answer.scores, answer.words);
  answer.holds = student.names.map((_, label) => core.label_holds(label) !== 0);
  return answer;
}

function made(tag, text, className) {
  const node = document.createElement(tag);
  node.textContent = text;
  if (className) node.className = className;
  return node;
}

const real = (value) => value / 2 ** student.logitBits;
const signed = (value) => (value >= 0 ? "+" : "\u2212") + Math.abs(value).toFixed(3);

// What a word is shown with: its contribution to the label, or its attention score.
function values(answer, label) {
  if (student.explanation === 1) return Array.from(answer.scores, (s) => s / 2 ** student.scoreBits);
  return Array.from(answer.rows, (_, i) => real(answer.contributions[i * student.labels + label]));
}

// The part of a word in each label.
function partsOf(answer, i) {
  return student.names.map((name, k) =>
    `${name} ${signed(real(answer.contributions[i * student.labels + k]))}`).join(", ");
}

function drawLabels(answer, label) {
  const buttons = student.names.map((name, k) => {
    const share = student.problem === REGRESSION ? 0 : answer.probabilities[k] / 2 ** 24;
    const figure = student.problem === REGRESSION ? real(answer.logits[k]).toFixed(3)
      : `${(100 * share).toFixed(1)} %`;
    const button = made("button", "");
    button.type = "button";
    button.append(made("span", name), made("span", figure));
    button.setAttribute("aria-pressed", String(k === label));
    button.style.setProperty("--share", share.toFixed(4));
    button.addEventListener("click", () => {
      chosen = k;
      update();
      element("labels").children[k].focus();
    });
    return button;
  });
  element("labels").replaceChildren(...buttons);
  const held = student.names.filter((_, k) => answer.holds[k]);
  element("prediction").textContent = student.problem === REGRESSION
    ? Array.from(answer.logits, (logit) => real(logit).toFixed(3)).join(", ")
    : (held.join(", ") || "none of the labels") + (answer.answered ? "" : " (not sure enough to answer)");
}

// A word in the colour of its score; `most` is the largest magnitude of the text.
function marked(text, value, most) {
  const word = made("span", text, `word ${value < 0 ? "against" : "for"}`);
  word.style.setProperty("--share", (Math.abs(value) / most).toFixed(3));
  return word;
}

// What the teacher says, if the text is an example of which that is known.
function drawTeacher(text) {
  const teacher = teachers.get(text);
  element("teacher").hidden = !teacher;
  if (!teacher) return;
  element("teacher-label").textContent = teacher.label;
  const scores = teacher.segments.map(([, score]) => Math.abs(score ?? 0));
  const most = Math.max(...scores, 1e-9);
  const nodes = teacher.segments.map(([piece, score]) => (
    score === null ? document.createTextNode(piece) : marked(piece, score, most)
  ));
  element("teacher-words").replaceChildren(...nodes);
}

function drawWords(answer, label) {
  const shown = values(answer, label);
  const most = Math.max(...shown.map(Math.abs), 1e-9);
  const nodes = [];
  const rows = [];
  let at = 0;
  const plain = (end) => {
    if (end > at) nodes.push(document.createTextNode(decoder.decode(answer.bytes.subarray(at, end))));
    at = Math.max(at, end);
  };
  shown.forEach((value, i) => {
    plain(answer.starts[i]);
    const text = decoder.decode(answer.bytes.subarray(answer.starts[i], answer.ends[i]));
    const word = marked(text, value, most);
    if (answer.rows[i] === 0) word.classList.add("unknown");
    word.title = (student.explanation === 1 ? signed(value) : partsOf(answer, i))
      + (answer.rows[i] === 0 ? ", unknown word" : "");
    nodes.push(word);
    at = answer.ends[i];
    const row = document.createElement("tr");
    row.append(made("td", text), made("td", signed(value)));
    rows.push(row);
  });
  const rest = decoder.decode(answer.bytes.subarray(at, at + MOST_UNREAD));
  if (rest) nodes.push(made("span", rest, answer.cut ? "unread" : ""));
  element("words").replaceChildren(...nodes);
  element("table").replaceChildren(...rows);
  const name = student.names[label];
  const scores = student.explanation === 1;
  element("value-heading").textContent = scores ? "Attention score" : `Contribution to ${name}`;
  element("sum").textContent = scores ? "" : signed(real(answer.logits[label]));
  element("legend").textContent = (scores ? "Words by their attention scores."
    : `For ${name}: solid lines; against it: dotted lines. Unknown words are in italics.`)
    + (answer.cut ? ` Only the first ${answer.words} words are read.` : "");
}

function update() {
  const isReady = student !== null;
  for (const id of ["labels", "words", "table"]) if (!isReady) element(id).replaceChildren();
  for (const id of ["prediction", "legend", "sum"]) if (!isReady) element(id).textContent = "";
  if (!isReady) return;
  const answer = classify(element("text").value);
  const label = chosen === null ? answer.label : chosen;
  drawLabels(answer, label);
  drawWords(answer, label);
  drawTeacher(element("text").value);
  offerLink();
  measureSoon();
}

// The address keeps the text behind its "#", which no browser sends to a server.
function offerLink() {
  const text = element("text").value;
  element("sharing").hidden = text === "" || text.length > MOST_SHARED;
  element("share").href = SHARED + encodeURIComponent(text);
  element("copied").textContent = "";
}

function readLink() {
  if (!location.hash.startsWith(SHARED)) return;
  try {
    element("text").value = decodeURIComponent(location.hash.slice(SHARED.length));
  } catch {
    return; // An address that was cut in the middle of a character.
  }
  update();
}

async function copyLink() {
  const address = element("share").href;
  try {
    await navigator.clipboard.writeText(address);
    element("copied").textContent = "Copied.";
  } catch {
    element("copied").textContent = `Copy it from here: ${address}`;
  }
}

let measuring = 0;
function measureSoon() {
  if (element("comparison").hidden) return;
  clearTimeout(measuring);
  measuring = setTimeout(measure, 300);
}

function measure() {
  const text = element("text").value;
  if (!student || text === "") return;
  const start = performance.now();
  let times = 0;
  while (performance.now() - start < MEASURED) {
    classify(text);
    times += 1;
  }
  const each = (performance.now() - start) / times;
  element("student-time").textContent = `${each.toPrecision(2)} ms, this browser`;
}

// What the page knows of the teacher and of where the student comes from.
function drawAbout(size) {
  const { teacher, model } = JSON.parse(element("about").textContent);
  if (model) {
    element("model").textContent = model;
    element("model").href = model;
    element("links").hidden = false;
  }
  if (!teacher) return;
  element("comparison").hidden = false;
  element("teacher-name").textContent = teacher.name;
  element("student-size").textContent = bytes(size);
  element("teacher-size").textContent = bytes(teacher.bytes);
  element("teacher-time").textContent = teacher.milliseconds === null ? "not measured"
    : `${teacher.milliseconds.toPrecision(2)} ms`;
  element("teacher-setting").textContent = teacher.setting
    + " The student's time is measured here, of the text above.";
}

function bytes(size) {
  return size < 1e6 ? `${(size / 1e3).toPrecision(3)} kB` : `${(size / 1e6).toPrecision(3)} MB`;
}

let waiting = false;
function updateSoon() {
  if (waiting) return;
  waiting = true;
  requestAnimationFrame(() => {
    waiting = false;
    update();
  });
}

async function readFile(file) {
  if (file) openStudent(new Uint8Array(await file.arrayBuffer()), file.name);
}

function offerExamples() {
  for (const { text, teacher } of JSON.parse(element("example-texts").textContent)) {
    if (teacher) teachers.set(text, teacher);
    const button = made("button", text);
    button.type = "button";
    button.addEventListener("click", () => {
      element("text").value = text;
      update();
    });
    element("examples").append(button);
  }
}

async function start() {
  const module = await WebAssembly.instantiate(fromBase64(element("core").textContent));
  core = module.instance.exports;
  core._initialize();
  element("text").addEventListener("input", updateSoon);
  element("file").addEventListener("change", (event) => readFile(event.target.files[0]));
  document.addEventListener("dragover", (event) => {
    event.preventDefault();
    document.body.classList.add("dropping");
  });
  document.addEventListener("dragleave", () => document.body.classList.remove("dropping"));
  document.addEventListener("drop", (event) => {
    if (event.dataTransfer.files.length === 0) return;
    event.preventDefault();
    document.body.classList.remove("dropping");
    readFile(event.dataTransfer.files[0]);
  });
  element("copy").addEventListener("click", copyLink);
  window.addEventListener("hashchange", readLink);
  offerExamples();
  const embedded = element("student").textContent;
  if (embedded) {
    const data = fromBase64(embedded);
    drawAbout(data.length);
    openStudent(data, document.title.split(":")[0]);
    readLink();
  } else element("status").textContent = "Choose a student, or drop its file here.";
}

start().catch((error) => {
  element("status").textContent = `The page cannot run here: ${error.message}`;
});
