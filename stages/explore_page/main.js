// The page: controls change the state, and all of it is drawn again.

const STEP = 700;  // milliseconds of an epoch that plays
const LINK_AFTER = 250;  // milliseconds without a move after which the address tells the state

/** @type {Page} */
let page;
/** @type {Sweep[]} */
let sweeps;
/** @type {Uint8Array} */
let pixels;
/** @type {State} */
let state;
/** @type {Record<string, Chart>} */
const charts = {};
/** @type {Record<string, number[]>} */
const ends = {};
const LAYERED = /** @type {const} */ (["gradients", "moved", "activations", "dead"]);

/** @returns {Sweep} */
function current() { return sweeps[state.variant]; }

/** @param {{variant: number, sigma: number}} of */
function name({ variant, sigma }) {
  const sweep = sweeps[variant];
  return `${sweeps.length > 1 ? `${sweep.name}, ` : ""}σ = ${sweep.labels[sigma]}`;
}

// --- drawing -------------------------------------------------------------------------------------

let due = false;

/**
 * Change the state, and draw once before the next picture of the screen.
 * @param {Partial<State>} change
 */
function choose(change) {
  state = inside({ ...state, ...change }, sweeps);
  if (!due) {
    due = true;
    requestAnimationFrame(() => { due = false; draw(); });
  }
  tellLink();
}

/** All of the page, for the state. */
function draw() {
  drawControls();
  drawCharts();
  drawUnits();
  drawDigits();
  drawNumbers();
  document.documentElement.dataset.shown = fragment(state, sweeps);
}

function drawControls() {
  const sweep = current(), sigma = /** @type {HTMLInputElement} */ (element("sigma"));
  const epoch = /** @type {HTMLInputElement} */ (element("epoch"));
  const when = state.moment ? `after ${sweep.moments[state.moment]}` : sweep.moments[0];
  sigma.value = String(Math.log10(sweep.sigmas[state.sigma]));
  sigma.setAttribute("aria-valuetext", `σ = ${sweep.labels[state.sigma]}`);
  epoch.max = String(sweep.moments.length - 1);
  epoch.value = String(state.moment);
  epoch.setAttribute("aria-valuetext", when);
  const [test, training] = [sweep.test, sweep.training].map(of => of[state.sigma][state.moment]);
  const readout = element("readout");
  Object.assign(readout.dataset, { test, training });
  readout.replaceChildren(made("strong", {}, name(state)), `, ${when}: test ${percent(test)}`,
    training === null ? "" : `, training ${percent(training)}`);
  element("headline").textContent = sweep.headline;
  element("about").textContent = sweep.about;
  element("sentence").textContent = sweep.sentences[state.sigma][state.moment];
  element("pin").textContent = state.pin ? "Unpin" : "Pin this σ, to compare";
  element("pinned").textContent = state.pin ? `Dashed: ${name(state.pin)}` : "";
  for (const radio of document.querySelectorAll("#variants input"))
    /** @type {HTMLInputElement} */ (radio).checked = radio.id === `variant-${state.variant}`;
}

function drawCharts() {
  const sweep = current(), last = sweep.moments.length - 1;
  const moment = state.moment ? `after ${sweep.moments[state.moment]}` : sweep.moments[0];
  const where = `${name(state)}, ${moment}`;
  const test = sweep.test[state.sigma][state.moment];
  charts.accuracy.draw(accuracyDrawing(sweeps, state, ends.sigma),
    `Test accuracy against σ; ${where}: ${percent(test)}`);
  charts.curves.draw(curvesDrawing(sweeps, state), `Learning curves; ${where}: ${percent(test)}`,
    { x: [0, last], ticks: wholes(0, last) });
  const many = sweep.layers.length > FEW;
  const x = many ? [1, sweep.layers.length] : [0, last];
  for (const quantity of LAYERED) {
    const values = sweep[quantity][state.sigma][state.moment].map(told);
    charts[quantity].draw(layerDrawing(quantity, sweeps, state, ends[quantity]),
      `${document.querySelector(`#${quantity} h2`)?.textContent}; ${where}, from the first layer to
      the last: ${values.join(", ")}`, { x, ticks: wholes(x[0], x[1]) });
  }
  charts.weights.draw(weightsDrawing(sweeps, state), `Spread of the weights; ${where}: ` +
    rowsOf(sweep).map(layer => `${sweep.layers[layer]} ` +
      told(spread(sweep, state.sigma, state.moment, layer))).join(", "));
  explain("weights", sweep.weights ? "" : sweep.missing);
}

/**
 * Say why a panel is empty.
 * @param {string} panel
 * @param {string} why
 */
function explain(panel, why) {
  const paragraph = /** @type {HTMLElement} */ (document.querySelector(`#${panel} .missing`));
  paragraph.textContent = why;
  for (const sibling of /** @type {HTMLElement} */ (paragraph.parentElement).querySelectorAll(
    ".chart, .sets, ol, ul")) /** @type {HTMLElement} */ (sibling).hidden = Boolean(why);
}

function drawUnits() {
  const sweep = current();
  explain("units", sweep.units ? "" : sweep.missing);
  const sets = [{ title: "before training", of: { ...state, moment: 0 } },
    { title: "now", of: state },
    ...(state.pin ? [{ title: `${name(state.pin)}, now`, of: { ...state, ...state.pin } }] : [])];
  const place = /** @type {HTMLElement} */ (document.querySelector("#units .sets"));
  while (place.children.length > sets.length) place.lastElementChild?.remove();
  while (place.children.length < sets.length)
    place.append(made("figure", {}, made("figcaption"), made("canvas", { role: "img" })));
  const colours = palette();
  for (const [i, { title, of }] of sets.entries()) {
    const { units, moments } = sweeps[of.variant];
    const figure = /** @type {HTMLElement} */ (place.children[i]);
    figure.hidden = !units;
    if (!units) continue;
    const known = latest(units.moments, of.moment), when = units.moments[known];
    const [caption, canvas] = figure.children;
    const since = when === of.moment ? "" : ` (kept after ${moments[when]})`;
    caption.textContent = `${title}${since}, largest weight ${told(units.scales[of.sigma][known])}`;
    canvas.setAttribute("aria-label", `Weights of ${units.count} units, ${caption.textContent}`);
    /** @type {HTMLElement} */ (figure).dataset.place = String(units.places[of.sigma][known]);
    paintUnits(/** @type {HTMLCanvasElement} */ (canvas), units, units.places[of.sigma][known],
      pixels, colours);
  }
}

function drawDigits() {
  const sweep = current(), { digits } = sweep;
  explain("digits", digits ? "" : sweep.missing);
  if (!digits) return;
  const list = /** @type {HTMLElement} */ (document.querySelector("#digits ol"));
  if (list.dataset.of !== String(digits.place)) {
    list.dataset.of = String(digits.place);
    list.replaceChildren(...digits.labels.map((label, number) => {
      const canvas = made("canvas", { role: "img", "aria-label": `An image of class ${label}` });
      paintDigit(canvas, digits, number, pixels);
      return made("li", {}, canvas, made("p"), made("div", { class: "bar" }, made("span")),
        made("p", { class: "pinned" }));
    }));
  }
  const pinned = state.pin && sweeps[state.pin.variant].digits;
  for (const [number, item] of [...list.children].entries()) {
    const [, line, bar, ghost] = /** @type {HTMLElement[]} */ ([...item.children]);
    const { answer, sure, right } = answered(digits, state.sigma, state.moment, number);
    item.className = right ? "right" : "wrong";
    line.replaceChildren(...spoken(answer, sure, right));
    /** @type {HTMLElement} */ (bar.firstElementChild).style.width = `${sure}%`;
    ghost.replaceChildren();
    if (pinned && state.pin) {
      const other = answered(pinned, state.pin.sigma, state.moment, number);
      ghost.replaceChildren(...spoken(other.answer, other.sure, other.right));
    }
  }
}

/**
 * An answer, which a sign says right or wrong, and below it how sure it is.
 * @param {number|null} answer
 * @param {number} sure
 * @param {boolean} right
 */
function spoken(answer, sure, right) {
  if (answer === null) return ["none"];
  return [made("strong", {}, `${right ? "✓" : "✗"} ${answer}`), made("br"), `${sure} %`];
}

/**
 * The class that a network finds likeliest for an image, and how likely.
 * @param {Digits} digits
 * @param {number} sigma
 * @param {number} moment
 * @param {number} image
 */
function answered(digits, sigma, moment, image) {
  const classes = digits.percent[sigma][latest(digits.moments, moment)][image];
  const sure = Math.max(...classes.map(share => share ?? -1));
  const answer = sure < 0 ? null : classes.indexOf(sure);
  return { answer, sure: Math.max(0, sure), right: answer === digits.labels[image] };
}

/** The table: what the charts show of this moment, layer by layer. */
function drawNumbers() {
  const sweep = current(), { sigma, moment } = state;
  const columns = /** @type {[string, (layer: number) => number|null|undefined][]} */ ([
    ["outputs", layer => sweep.activations[sigma][moment][layer]],
    ["gradient", layer => sweep.gradients[sigma][moment][layer]],
    ["silent units", layer => sweep.dead[sigma][moment][layer]],
    ["moved", layer => sweep.moved[sigma][moment][layer]],
    ...(sweep.theory && !moment ? [
      ["outputs, theory", layer => sweep.theory?.activations[sigma][layer]],
      ["gradient, theory", layer => sweep.theory?.gradients[sigma][layer]]] : []),
    ...(sweep.weights ? [["spread of weights", layer => spread(sweep, sigma, moment, layer)]] : []),
  ]);
  const head = made("tr", {}, ...["layer", ...columns.map(([title]) => title)].map(title =>
    made("th", { scope: "col" }, title)));
  const rows = sweep.layers.map((layer, i) => made("tr", {}, made("th", { scope: "row" }, layer),
    ...columns.map(([title, of]) => made("td", { "data-of": title, "data-value": `${of(i) ?? ""}` },
      told(of(i))))));
  document.querySelector("#numbers thead")?.replaceChildren(head);
  document.querySelector("#numbers tbody")?.replaceChildren(...rows);
}

// --- controls ------------------------------------------------------------------------------------

/** @type {number|undefined} */
let linking;
/** What the address said last: a change of it by ourselves is no wish of the reader. */
let link = "";

/** Write the state into the address, but not at each step: browsers refuse a flood of changes. */
function tellLink() {
  clearTimeout(linking);
  linking = setTimeout(() => {
    link = fragment(state, sweeps);
    history.replaceState(null, "", link);
  }, LINK_AFTER);
}

/** @param {number} by */
function moveSigma(by) {
  const last = current().sigmas.length - 1;
  choose({ sigma: Math.min(last, Math.max(0, state.sigma + by)) });
}

/** @param {number} by */
function moveMoment(by) { choose({ moment: state.moment + by }); }

/** @type {number|undefined} */
let playing;

/** @param {boolean} on */
function play(on) {
  clearInterval(playing);
  playing = undefined;
  const button = element("play"), last = current().moments.length - 1;
  if (on) {
    if (state.moment === last) choose({ moment: 0 });
    playing = setInterval(() => {
      if (state.moment >= current().moments.length - 1) play(false); else moveMoment(1);
    }, STEP);
  }
  button.textContent = on ? "❚❚" : "▶";
  button.setAttribute("aria-label", on ? "Pause" : "Play the epochs");
}

/** Choose another variant at the sigma next to the present one.
 * @param {number} variant */
function chooseVariant(variant) {
  const sigma = nearest(sweeps[variant].sigmas, current().sigmas[state.sigma]);
  choose({ variant, sigma });
  fitSlider(sweeps[variant]);
}

/** Lay the slider's ends below the same sigmas of the chart.
 * @param {Sweep} sweep */
function fitSlider({ sigmas }) {
  const slider = /** @type {HTMLInputElement} */ (element("sigma"));
  const [low, high] = ends.sigma.map(Math.log10);
  const [first, last] = [sigmas[0], sigmas[sigmas.length - 1]].map(Math.log10);
  const width = charts.accuracy.view.width(), thumb = 16;
  const place = (/** @type {number} */ x) => PADDING.left + width * (x - low) / (high - low);
  slider.min = String(first);
  slider.max = String(last);
  slider.disabled = first === last;
  slider.style.left = `${place(first) - thumb / 2}px`;
  slider.style.width = `${place(last) - place(first) + thumb}px`;
}

/** @param {KeyboardEvent} event */
function keyed(event) {
  const target = /** @type {HTMLElement} */ (event.target);
  const button = target.matches("button, a, summary, input[type=radio]");
  const [sigma, epoch] = [target.id === "sigma", target.id === "epoch"];
  if (event.ctrlKey || event.altKey || event.metaKey) return;
  const steps = /** @type {Record<string, number>} */ ({ ArrowLeft: -1, ArrowRight: 1, ArrowDown: -1,
    ArrowUp: 1, PageDown: -5, PageUp: 5, Home: -1e6, End: 1e6 });
  const along = event.key === "ArrowLeft" || event.key === "ArrowRight";
  if (event.key === " " && !button) play(playing === undefined);
  else if (event.key.toLowerCase() === "p" && !target.matches("input[type=radio]")) togglePin();
  else if (event.key in steps && (epoch || (along && event.shiftKey && !button)))
    moveMoment(steps[event.key]);
  else if (event.key in steps && (sigma || (along && !target.matches("input[type=radio], .table"))))
    moveSigma(steps[event.key]);
  else return;
  event.preventDefault();
}

function togglePin() {
  choose({ pin: state.pin ? null : { variant: state.variant, sigma: state.sigma } });
}

/** The sigma below the pointer.
 * @param {PointerEvent} event */
function pointed(event) {
  if (event.type === "pointermove" && !event.buttons) return;
  const x = event.clientX - element("accuracy").getBoundingClientRect().left - PADDING.left;
  const [low, high] = ends.sigma.map(Math.log10);
  const value = 10 ** (low + x / charts.accuracy.view.width() * (high - low));
  choose({ sigma: nearest(current().sigmas, value) });
}

function listen() {
  const sigma = /** @type {HTMLInputElement} */ (element("sigma"));
  const epoch = /** @type {HTMLInputElement} */ (element("epoch"));
  sigma.addEventListener("input", () =>
    choose({ sigma: nearest(current().sigmas, 10 ** Number(sigma.value)) }));
  epoch.addEventListener("input", () => choose({ moment: Number(epoch.value) }));
  element("play").addEventListener("click", () => play(playing === undefined));
  element("pin").addEventListener("click", togglePin);
  element("accuracy").addEventListener("pointerdown", pointed);
  element("accuracy").addEventListener("pointermove", pointed);
  document.addEventListener("keydown", keyed);
  addEventListener("hashchange", () => {
    if (location.hash === link) return;
    play(false);
    choose(parsed(location.hash, sweeps, state));
    fitSlider(current());
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => fitSlider(current())).observe(element("accuracy"));
}

// --- beginning -----------------------------------------------------------------------------------

/** The lines and marks that a legend names, drawn small.
 * @param {string} colour
 * @param {{dash?: string, mark?: string, area?: boolean, hollow?: boolean, thick?: boolean}} look */
function swatch(colour, { dash, mark, area, hollow, thick } = {}) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("viewBox", "0 0 22 10");
  svg.setAttribute("aria-hidden", "true");
  const shapes = /** @type {Record<string, string>} */ ({
    circle: "M7,5a4,4 0 1 0 8,0a4,4 0 1 0 -8,0", square: "M7.5,1.5h7v7h-7z",
    "triangle-up": "M11,1l4.5,8h-9z", diamond: "M11,0l4.5,5l-4.5,5l-4.5,-5z" });
  const path = (/** @type {string} */ d, /** @type {Record<string, string>} */ attributes) => {
    const drawn = document.createElementNS("http://www.w3.org/2000/svg", "path");
    for (const [key, value] of Object.entries({ d, ...attributes })) drawn.setAttribute(key, value);
    svg.append(drawn);
  };
  if (area) path("M0,0h22v10h-22z", { fill: colour, "fill-opacity": "0.3" });
  else if (!hollow) path("M0,5h22", { stroke: colour, "stroke-width": thick ? "4" : "2",
    "stroke-dasharray": dash ?? "" });
  if (mark) path(shapes[mark], { fill: hollow ? "none" : colour, stroke: colour });
  return svg;
}

/**
 * @param {Element|null} list
 * @param {[SVGElement, string][]} entries
 */
function legend(list, entries) {
  list?.replaceChildren(...entries.map(([drawn, text]) => made("li", {}, drawn, text)));
}

/** What colours and lines mean in each panel, of the chosen sweep. */
function drawLegends() {
  const sweep = current(), many = sweep.layers.length > FEW;
  legend(element("key"), [
    [swatch("var(--test)"), "test accuracy at the end, ± its error"],
    [swatch("var(--chosen)", { mark: "circle", hollow: true }), "at the chosen epoch"],
    ...(sweep.window ? /** @type {[SVGElement, string][]} */ ([[swatch("var(--window)",
      { area: true }), "within a point of the best"]]) : []),
    ...(sweep.named.length ? /** @type {[SVGElement, string][]} */ ([[swatch("var(--ink)",
      { thick: true }), `named: ${sweep.named.map(({ name, test }) =>
      `${name} ${percent(test)}`).join(", ")}`]]) : []),
    ...(sweeps.length > 1 && sweeps.length <= FEW ? /** @type {[SVGElement, string][]} */ ([[
      swatch("var(--before)", { dash: "4 3" }), "the others"]]) : []),
  ]);
  legend(document.querySelector("#curves .legend"), [
    [swatch("var(--test)", { mark: "square" }), "test"],
    [swatch("var(--training)", { mark: "circle" }), "training"]]);
  legend(document.querySelector("#weights .legend"), [
    [swatch("var(--before)", { area: true }), "before training"],
    [swatch(many ? "var(--layer-0)" : "var(--ink)", { area: true }), "now"]]);
  for (const list of document.querySelectorAll(".legend.layers")) {
    const panel = list.closest("article")?.id;
    const theory = sweep.theory && (panel === "gradients" || panel === "activations");
    const layers = panel === "dead" ? sweep.layers.slice(0, -1) : sweep.layers;
    /** @type {[SVGElement, string][]} */
    const entries = many ? [[swatch("var(--layer-0)"), "now"],
      [swatch("var(--before)"), "before training"]]
      : layers.map((layer, i) => [swatch(colourOf(sweep, i), { mark: SHAPES[i] }), layer]);
    if (theory) entries.push([swatch("var(--soft)", { mark: many ? "diamond" : "circle",
      hollow: true }), "theory"]);
    legend(list, entries);
  }
}

/** Charts with the axes on which all sweeps lie. */
async function makeCharts() {
  const place = (/** @type {string} */ id) =>
    /** @type {HTMLElement} */ (document.querySelector(`#${id} .chart`));
  const all = sweeps.flatMap(({ sigmas, named }) =>
    [...sigmas, ...named.flatMap(({ sigmas: span }) => span ?? [])]);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  const margin = high > low ? (high / low) ** 0.03 : 3;
  ends.sigma = [low / margin, high * margin];
  const shares = { domain: [0, 100], values: [0, 25, 50, 75, 100], label: "datum.value + ' %'" };
  charts.accuracy = await Chart.in(element("accuracy"), { ...decades(all), domain: ends.sigma, log: true,
    values: tens(ends.sigma), title: "σ, standard deviation of the initial weights" },
    shares);
  charts.curves = await Chart.in(place("curves"), { domain: [0, 1], title: "epoch" },
    shares);
  const titles = { gradients: "norm", moved: "× initial norm", activations: "root mean square" };
  for (const quantity of LAYERED) {
    const theory = sweeps.flatMap(({ theory }) =>
      theory && quantity in theory ? theory[/** @type {"gradients"} */ (quantity)].flat() : []);
    const scale = quantity === "dead" ? { ...shares, domain: [-3, 103] }
      : { ...decades([...sweeps.flatMap(of => of[quantity].flat(2)), ...theory]), log: true,
        label: "power(datum.value)", title: titles[quantity] };
    ends[quantity] = scale.domain;
    const many = sweeps.some(({ layers }) => layers.length > FEW);
    charts[quantity] = await Chart.in(place(quantity),
      { domain: [0, 1], title: many ? "layer" : "epoch" }, scale);
  }
  charts.weights = await Chart.in(place("weights"), { domain: [-1, 1] }, null);
}

/**
 * The powers of ten between two ends; where there are none, both ends.
 * @param {number[]} ends
 */
function tens([low, high]) {
  const ticks = [];
  const [first, last] = [Math.ceil(Math.log10(low)), Math.floor(Math.log10(high))];
  for (let exponent = first; exponent <= last; exponent++) ticks.push(10 ** exponent);
  return ticks.length > 1 ? ticks : [low, high];
}

function makeControls() {
  if (sweeps.length > 1)
    element("variants").append(...sweeps.map((sweep, i) => {
      const radio = made("input", { type: "radio", name: "variant", id: `variant-${i}` });
      radio.addEventListener("change", () => { chooseVariant(i); drawLegends(); });
      return made("label", {}, radio, sweep.name);
    }));
  else element("variants").hidden = true;
  element("tour").append(...page.tour.map(({ text, state: asked }) =>
    made("li", {}, made("a", { href: `#${new URLSearchParams(asked)}` }, text))));
}

async function begin() {
  const code = document.createElement("script");
  code.textContent = await unpackedText("packed-vega");
  document.head.append(code);  // runs now
  page = JSON.parse(await unpackedText("packed-data"));
  pixels = new Uint8Array(await unpacked("packed-pixels"));
  ({ sweeps } = page);
  const start = { variant: 0, sigma: sweeps[0].best, moment: Infinity, pin: null };
  state = parsed(location.hash, sweeps, { ...start, moment: sweeps[0].moments.length - 1 });
  link = location.hash;
  makeControls();
  await makeCharts();
  drawLegends();
  listen();
  fitSlider(current());
  draw();
}

document.addEventListener("DOMContentLoaded", begin);
