// What each chart shows of a state: numbers of the sweep in, drawings out.

const GHOST = { dash: [4, 3], opacity: 0.75, width: 1.5 };
/** Layers that have a colour and a shape of their own; more are a ramp, from the first to the last,
 * and are laid out from left to right in place of epochs. */
const FEW = 4;
/** Rows of the weights' panel. */
const ROWS = 6;
const SHAPES = ["circle", "square", "triangle-up", "diamond"];

/**
 * @param {Sweep} sweep
 * @param {number} layer
 */
function colourOf(sweep, layer) {
  const count = sweep.layers.length;
  if (count <= FEW) return `var(--layer-${layer})`;
  const share = Math.round(100 * layer / (count - 1));
  return `color-mix(in oklab, var(--layer-1) ${share}%, var(--layer-0))`;
}

/**
 * Both ends of an axis on which all positive values lie, and its labelled powers of ten.
 * @param {(number|null)[]} values
 */
function decades(values) {
  const shown = values.filter(value => value !== null && value > 0 && Number.isFinite(value));
  const exponents = shown.map(value => Math.log10(/** @type {number} */ (value)));
  let low = Infinity, high = -Infinity;
  for (const exponent of exponents) {
    low = Math.min(low, exponent);
    high = Math.max(high, exponent);
  }
  if (low > high) [low, high] = [0, 1];
  [low, high] = [Math.floor(low - 0.1), Math.ceil(high + 0.1)];
  const step = Math.ceil((high - low) / 6);
  const ticks = [];
  for (let exponent = low; exponent <= high; exponent += step) ticks.push(10 ** exponent);
  return { domain: [10 ** low, 10 ** high], values: ticks };
}

/**
 * At most seven whole numbers from `first` to `last`.
 * @param {number} first
 * @param {number} last
 */
function wholes(first, last) {
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000].find(s => (last - first) / s <= 6) ?? 1e4;
  const ticks = [];
  for (let tick = first; tick <= last; tick += step) ticks.push(tick);
  return ticks;
}

/**
 * A vertical line over the whole panel.
 * @param {number} x
 * @param {number[]} ends
 * @param {Partial<Line>} look
 * @returns {Line}
 */
function rule(x, ends, look = {}) {
  return { points: ends.map(y => ({ x, y })), colour: "var(--chosen)", width: 1.5, ...look };
}

/**
 * Accuracy against sigma: at the end, and at the chosen moment.
 * @param {Sweep[]} sweeps
 * @param {State} state
 * @param {number[]} xs  ends of the axis
 * @returns {Drawing}
 */
function accuracyDrawing(sweeps, state, xs) {
  const sweep = sweeps[state.variant];
  const { sigmas, final } = sweep;
  const curve = (/** @type {Sweep} */ of) =>
    of.sigmas.map((x, i) => ({ x, y: 100 * of.final.test[i] }));
  /** @type {Line[]} */
  const lines = [];
  if (sweep.window) {
    const [low, high] = sweep.window.map(place => sigmas[place]);
    const points = (low === high ? [low / 1.06, high * 1.06] : [low, high])
      .map(x => ({ x, y: 100, y2: 0 }));
    lines.push({ points, colour: "none", fill: "var(--window)", opacity: 0.16 });
  }
  lines.push({ points: xs.map(x => ({ x, y: 100 * sweep.chance })), colour: "var(--soft)",
    width: 1, dash: [8, 3, 2, 3] });
  for (const [place, other] of sweeps.entries())
    if (other !== sweep && (sweeps.length <= FEW || state.pin?.variant === place))
      lines.push({ points: curve(other), colour: "var(--before)", ...GHOST });
  lines.push({ colour: "none", fill: "var(--test)", opacity: 0.3, points: sigmas.map((x, i) =>
    ({ x, y: 100 * final.high[i], y2: 100 * final.low[i] })),
  });
  lines.push({ points: curve(sweep), colour: "var(--test)" });
  for (const { test, sigmas: span } of sweep.named)
    if (span) lines.push({ points: (span[0] === span[1] ? [span[0] / 1.1, span[1] * 1.1] : span)
      .map(x => ({ x, y: 100 * test })), colour: "var(--ink)", width: 3 });
  if (state.pin) {
    const pinned = sweeps[state.pin.variant];
    lines.push(rule(pinned.sigmas[state.pin.sigma], [0, 100], { ...GHOST, colour: "var(--soft)" }));
  }
  lines.push(rule(sigmas[state.sigma], [0, 100]));
  /** @type {Mark[]} */
  const marks = sigmas.flatMap((x, i) => {
    const y = sweep.test[i][state.moment];
    return y === null ? [] : [{ x, y: 100 * y, colour: "var(--chosen)", hollow: i !== state.sigma,
      size: i === state.sigma ? 110 : 28 }];
  });
  for (const [i, count] of final.diverged.entries())
    if (count) marks.push({ x: sigmas[i], y: 100 * final.test[i], colour: "var(--ink)",
      shape: CROSS, size: 70 });
  return { lines, marks };
}

/**
 * Test and training accuracy over epochs; ghosts of what is pinned.
 * @param {Sweep[]} sweeps
 * @param {State} state
 * @returns {Drawing}
 */
function curvesDrawing(sweeps, state) {
  const sweep = sweeps[state.variant];
  const curves = (/** @type {Sweep} */ of, /** @type {number} */ sigma,
    /** @type {Partial<Line>} */ look) =>
    /** @type {[number|null[], string][]} */ ([[of.training[sigma], "var(--training)"],
      [of.test[sigma], "var(--test)"]]).map(([values, colour]) => ({ colour, ...look,
        points: /** @type {(number|null)[]} */ (/** @type {unknown} */ (values)).map((y, x) =>
          ({ x, y: y === null ? null : 100 * y })) }));
  const last = sweep.moments.length - 1;
  const now = curves(sweep, state.sigma, {});
  const lines = [
    { points: [0, last].map(x => ({ x, y: 100 * sweep.chance })), colour: "var(--soft)", width: 1,
      dash: [8, 3, 2, 3] },
    ...(state.pin ? curves(sweeps[state.pin.variant], state.pin.sigma, GHOST) : []),
    rule(state.moment, [0, 100]),
    ...now,
  ];
  const marks = now.flatMap(({ points, colour }, i) => {
    const { x, y } = points[state.moment];
    return y === null ? [] : [{ x, y, colour, shape: SHAPES[1 - i] }];
  });
  return { lines, marks };
}

/**
 * A quantity of each layer. Over epochs, with the chosen one marked; of many layers over layers,
 * now and before training.
 * @param {"gradients"|"activations"|"dead"|"moved"} quantity
 * @param {Sweep[]} sweeps
 * @param {State} state
 * @param {number[]} ends  of the y axis
 * @returns {Drawing}
 */
function layerDrawing(quantity, sweeps, state, ends) {
  const sweep = sweeps[state.variant];
  const scaled = scaledBy(quantity);
  const pins = state.pin ? [{ ...state.pin, look: GHOST }] : [];
  const chosen = [...pins, { variant: state.variant, sigma: state.sigma, look: {} }];
  const theory = (sweep.theory && (quantity === "gradients" || quantity === "activations"))
    ? sweep.theory[quantity][state.sigma].map(scaled) : [];
  /** @type {Line[]} */
  const lines = [];
  /** @type {Mark[]} */
  const marks = [];
  if (layersAcross()) {
    const over = (/** @type {number} */ variant, /** @type {number} */ sigma,
      /** @type {number} */ moment, /** @type {Partial<Line>} */ look) => {
      const of = sweeps[variant][quantity][sigma];
      const values = of[Math.min(moment, of.length - 1)];
      lines.push({ colour: "var(--layer-0)", ...look,
        points: values.map((y, i) => ({ x: i + 1, y: scaled(y) })) });
    };
    for (const { variant, sigma, look } of pins) over(variant, sigma, state.moment, look);
    over(state.variant, state.sigma, 0, { colour: "var(--before)", width: 1.5 });
    over(state.variant, state.sigma, state.moment, {});
    theory.forEach((y, i) => { if (y !== null) marks.push({ x: i + 1, y, colour: "var(--before)",
      shape: "diamond", hollow: true, size: 40 }); });
    return { lines, marks };
  }
  lines.push(rule(state.moment, ends));
  for (const { variant, sigma, look } of chosen) {
    const of = sweeps[variant];
    of.layers.forEach((_, layer) => {
      if (quantity === "dead" && layer === of.layers.length - 1) return;  // answers, no units
      const points = of[quantity][sigma].map((layers, x) => ({ x, y: scaled(layers[layer]) }));
      lines.push({ points, colour: colourOf(of, layer), ...look });
      if (look === GHOST) return;
      const { x, y } = points[state.moment];
      if (y !== null) marks.push({ x, y, colour: colourOf(of, layer), shape: SHAPES[layer] });
    });
  }
  theory.forEach((y, layer) => { if (y !== null) marks.push({ x: 0, y, hollow: true, size: 90,
    colour: colourOf(sweep, layer), shape: SHAPES[layer] }); });
  return { lines, marks };
}

/**
 * How a quantity is drawn: shares in percent, others on a logarithmic axis, which has no 0.
 * @param {string} quantity
 * @returns {(value: number|null) => number|null}
 */
function scaledBy(quantity) {
  if (quantity === "dead") return value => value === null ? null : 100 * value;
  return value => value !== null && value > 0 ? value : null;
}

/**
 * Which layers have a row in the panel of weights: of many the first, the last and some between.
 * @param {Sweep} sweep
 */
function rowsOf(sweep) {
  const count = sweep.layers.length;
  if (count <= ROWS) return sweep.layers.map((_, layer) => layer);
  return Array.from({ length: ROWS }, (_, i) => Math.round(i * (count - 1) / (ROWS - 1)));
}

/**
 * A row for each layer: its weights now, over those before training. Heights are relative to the
 * fullest bin; a row is as wide as 4 of the largest deviations that its layer ever has.
 * @param {Sweep[]} sweeps
 * @param {State} state
 * @returns {Drawing}
 */
function weightsDrawing(sweeps, state) {
  const sweep = sweeps[state.variant];
  /** @type {Line[]} */
  const lines = [];
  /** @type {Label[]} */
  const labels = [];
  if (!sweep.weights) return { lines, labels };
  const { deviations } = sweep.weights;
  const rows = rowsOf(sweep);
  for (const [row, layer] of rows.entries()) {
    const [top, foot] = [(row + 0.27) / rows.length, (row + 0.76) / rows.length];
    const known = deviations[state.sigma].map(of => of[layer] ?? 0);
    const reach = 4 * Math.max(...known) || 1;
    const draw = (/** @type {number} */ variant, /** @type {number} */ sigma,
      /** @type {number} */ moment, /** @type {Partial<Line>} */ look) => {
      const points = outline(sweeps[variant], sigma, moment, layer, reach, top, foot);
      if (points.length) lines.push({ colour: "var(--before)", width: 1, points, ...look });
    };
    lines.push({ points: [-1, 1].map(x => ({ x, y: foot })), colour: "var(--edge)", width: 1 });
    draw(state.variant, state.sigma, 0, { fill: "var(--before)", opacity: 0.45 });
    draw(state.variant, state.sigma, state.moment,
      { fill: colourOf(sweep, layer), opacity: 0.4, colour: colourOf(sweep, layer), width: 1.5 });
    if (state.pin && sweeps[state.pin.variant].weights?.counts[0]?.[0]?.[layer])
      draw(state.pin.variant, state.pin.sigma, state.moment, { ...GHOST, colour: "var(--ink)" });
    const [before, now] = [0, state.moment].map(moment => spread(sweep, state.sigma, moment, layer));
    labels.push(
      { x: -1, y: top, text: sweep.layers[layer], colour: colourOf(sweep, layer) },
      { x: 1, y: top, text: `${told(before, 2)} → ${told(now, 2)}`, align: "right" },
      ...[-1, 0, 1].map((x, i) => ({ x, y: foot, dy: TEXT, text: told(x * reach, 2),
        align: ["left", "center", "right"][i] })),
    );
  }
  return { lines, labels };
}

/**
 * The standard deviation of a layer's weights; null where they have overflowed.
 * @param {Sweep} sweep
 * @param {number} sigma
 * @param {number} moment
 * @param {number} layer
 */
function spread({ weights }, sigma, moment, layer) {
  if (!weights) return null;
  return weights.deviations[sigma][latest(weights.moments, moment)][layer];
}

/**
 * The outline of a histogram, x in units of `reach`; none where nothing is counted.
 * @param {Sweep} sweep
 * @param {number} sigma
 * @param {number} moment
 * @param {number} layer
 * @param {number} reach
 * @param {number} top
 * @param {number} foot
 */
function outline(sweep, sigma, moment, layer, reach, top, foot) {
  const weights = /** @type {Weights} */ (sweep.weights);
  const counts = weights.counts[sigma][latest(weights.moments, moment)][layer].slice(1, -1);
  const fullest = Math.max(...counts), deviation = spread(sweep, sigma, moment, layer);
  if (!fullest || deviation === null) return [];
  const middle = (counts.length - 1) / 2, bin = deviation / 8 / reach;
  return counts.map((count, i) => ({ i, x: (i - middle) * bin, count }))
    .filter(({ x }) => Math.abs(x) <= 1)
    .map(({ x, count }) => ({ x, y: foot - (foot - top) * count / fullest, y2: foot }));
}
