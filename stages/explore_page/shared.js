// What all parts of the page share: its data, what is chosen, its charts.

/** @type {Sweep[]} */
let sweeps;
let pixels = new Uint8Array();
/** @type {State} */
let state;
/** @type {Record<string, Chart>} */
const charts = {};
/** @type {Record<string, number[]>} */
const ends = {};
const LAYERED = /** @type {const} */ (["gradients", "moved", "activations", "dead"]);

/** @returns {Sweep} */
function current() { return sweeps[state.variant]; }

/** A sigma, and where there are several sweeps that of it, in words.
 * @param {{variant: number, sigma: number}} of */
function named({ variant, sigma }) {
  const sweep = sweeps[variant];
  return `${sweeps.length > 1 ? `${sweep.name}, ` : ""}σ = ${sweep.labels[sigma]}`;
}

/** When the chosen moment is, in words. */
function when() {
  const { moments } = current();
  return state.moment ? `after ${moments[state.moment]}` : moments[0];
}

/** Whether some network has so many layers that charts lay them out from left to right. */
function layersAcross() { return sweeps.some(({ layers }) => layers.length > FEW); }
