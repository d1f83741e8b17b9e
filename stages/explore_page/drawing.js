// What is shown of the chosen moment, panel by panel.

/** Place of the sweep whose legends are shown. */
let drawnVariant = -1;

/** All of the page, for the state. */
function draw() {
  if (drawnVariant !== state.variant) {
    drawnVariant = state.variant;
    drawLegends();
    fitSlider(current());
  }
  drawControls();
  drawCharts();
  drawUnits();
  drawDigits();
  drawNumbers();
  document.documentElement.dataset.shown = fragment(state, sweeps);
}

/** Change a text, but only to another: a screen reader says again what is written again.
 * @param {string} id
 * @param {string} text */
function say(id, text) {
  const place = element(id);
  if (place.textContent !== text) place.textContent = text;
}

function drawControls() {
  const sweep = current(), sigma = /** @type {HTMLInputElement} */ (element("sigma"));
  const epoch = /** @type {HTMLInputElement} */ (element("epoch"));
  sigma.value = String(Math.log10(sweep.sigmas[state.sigma]));
  sigma.setAttribute("aria-valuetext", `σ = ${sweep.labels[state.sigma]}`);
  epoch.max = String(sweep.moments.length - 1);
  epoch.value = String(state.moment);
  epoch.setAttribute("aria-valuetext", when());
  const [test, training] = [sweep.test, sweep.training].map(of => of[state.sigma][state.moment]);
  const readout = element("readout");
  Object.assign(readout.dataset, { test, training });
  readout.replaceChildren(made("strong", {}, named(state)), `, ${when()}: test ${percent(test)}`,
    training === null ? "" : `, training ${percent(training)}`);
  say("headline", sweep.headline);
  say("about", sweep.about);
  say("sentence", sweep.sentences[state.sigma][state.moment]);
  say("pin", state.pin ? "Unpin" : "Pin this σ, to compare");
  say("pinned", state.pin ? `Dashed: ${named(state.pin)}` : "");
  for (const radio of document.querySelectorAll("#variants input"))
    /** @type {HTMLInputElement} */ (radio).checked = radio.id === `variant-${state.variant}`;
}

function drawCharts() {
  const sweep = current(), last = sweep.moments.length - 1;
  const where = `${named(state)}, ${when()}`;
  const test = sweep.test[state.sigma][state.moment];
  charts.accuracy.draw(accuracyDrawing(sweeps, state, ends.sigma),
    `Test accuracy against σ; ${where}: ${percent(test)}`);
  charts.curves.draw(curvesDrawing(sweeps, state), `Learning curves; ${where}: ${percent(test)}`,
    { x: [0, last], ticks: wholes(0, last) });
  const x = layersAcross() ? [1, sweep.layers.length] : [0, last];
  for (const quantity of LAYERED) {
    const values = sweep[quantity][state.sigma][state.moment].map(value => told(value));
    charts[quantity].draw(layerDrawing(quantity, sweeps, state, ends[quantity]),
      `${document.querySelector(`#${quantity} h2`)?.textContent}; ${where}, from the first layer to
      the last: ${values.join(", ")}`, { x, ticks: wholes(x[0], x[1]) });
  }
  charts.weights.draw(weightsDrawing(sweeps, state), `Spread of the weights; ${where}: ` +
    rowsOf(sweep).map(layer => `${sweep.layers[layer]} ` +
      told(spread(sweep, state.sigma, state.moment, layer))).join(", "));
  explain("weights", sweep.weights ? "" : sweep.missing.weights);
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
  explain("units", sweep.units ? "" : sweep.missing.units);
  const sets = [{ title: "before training", of: { ...state, moment: 0 } },
    { title: "now", of: state },
    ...(state.pin ? [{ title: `${named(state.pin)}, now`, of: { ...state, ...state.pin } }] : [])];
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
    const known = latest(units.moments, of.moment), kept = units.moments[known];
    const [caption, canvas] = figure.children;
    const since = kept === of.moment ? "" : ` (kept after ${moments[kept]})`;
    caption.textContent = `${title}${since}, largest weight ${told(units.scales[of.sigma][known])}`;
    canvas.setAttribute("aria-label", `Weights of ${units.count} units, ${caption.textContent}`);
    /** @type {HTMLElement} */ (figure).dataset.place = String(units.places[of.sigma][known]);
    paintUnits(/** @type {HTMLCanvasElement} */ (canvas), units, units.places[of.sigma][known],
      pixels, colours);
  }
}

function drawDigits() {
  const sweep = current(), { digits } = sweep;
  explain("digits", digits ? "" : sweep.missing.digits);
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
  /** @type {[string, (layer: number) => number|null|undefined][]} */
  const columns = [
    ["outputs", layer => sweep.activations[sigma][moment][layer]],
    ["gradient", layer => sweep.gradients[sigma][moment][layer]],
    ["silent units", layer => sweep.dead[sigma][moment][layer]],
    ["moved", layer => sweep.moved[sigma][moment][layer]],
  ];
  if (sweep.theory && !moment) columns.push(
    ["outputs, theory", layer => sweep.theory?.activations[sigma][layer]],
    ["gradient, theory", layer => sweep.theory?.gradients[sigma][layer]]);
  if (sweep.weights)
    columns.push(["spread of weights", layer => spread(sweep, sigma, moment, layer)]);
  const head = made("tr", {}, ...["layer", ...columns.map(([title]) => title)].map(title =>
    made("th", { scope: "col" }, title)));
  const rows = sweep.layers.map((layer, i) => made("tr", {}, made("th", { scope: "row" }, layer),
    ...columns.map(([title, of]) => made("td", { "data-of": title, "data-value": `${of(i) ?? ""}` },
      told(of(i))))));
  document.querySelector("#numbers thead")?.replaceChildren(head);
  document.querySelector("#numbers tbody")?.replaceChildren(...rows);
}
