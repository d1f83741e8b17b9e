// What the page knows. Made by stages/figures/explore.py, packed into the page, unpacked here.

/**
 * A quantity of each layer: [sigma][moment][layer]; null is not finite.
 * @typedef {(number|null)[][][]} Cube
 */

/**
 * The sweep of a variant. Moments count from 0, before training.
 * @typedef {Object} Sweep
 * @property {string} name  of the variant; "" of the only sweep
 * @property {string} headline
 * @property {string} about  network, data, training, what σ is
 * @property {string[]} layers
 * @property {string[]} moments  when each is: "epoch 3"
 * @property {number} chance
 * @property {number[]} sigmas  rising
 * @property {string[]} labels  the sigmas for people
 * @property {number} best  place of the best sigma
 * @property {[number, number]|null} window  the first and last place within a point of the best
 * @property {{test: number[], low: number[], high: number[], spread: string,
 *   diverged: number[]}} final  at the end, by sigma
 * @property {{name: string, test: number, sigmas: [number, number]|null}[]} named
 * @property {(number|null)[][]} test  accuracy by sigma and moment
 * @property {(number|null)[][]} training  the same; not known before training
 * @property {Cube} gradients
 * @property {Cube} activations
 * @property {Cube} dead
 * @property {Cube} moved
 * @property {{gradients: (number|null)[][], activations: (number|null)[][]}|null} theory
 *   [sigma][layer], before training
 * @property {string[][]} sentences  by sigma and moment
 * @property {Weights|null} weights
 * @property {Units|null} units
 * @property {Digits|null} digits
 * @property {{weights: string, units: string, digits: string}} missing  why those are null
 */

/**
 * Weights counted in bins of an eighth of their deviation, and what lies beyond at both ends.
 * @typedef {Object} Weights
 * @property {number[]} moments  of which there are counts, rising
 * @property {(number|null)[][][]} deviations  [sigma][of moments][layer]
 * @property {number[][][][]} counts  [sigma][of moments][layer][bin]
 */

/**
 * The first layer's weights as images.
 * @typedef {Object} Units
 * @property {number[]} moments  of which there are images, rising
 * @property {[number, number]} shape  rows and columns of an image
 * @property {number} count  of images at a moment
 * @property {number[][]} places  [sigma][of moments]: where the images begin among all pixels
 * @property {(number|null)[][]} scales  the same: the largest weight
 */

/**
 * The shown test images, and what networks answer.
 * @typedef {Object} Digits
 * @property {number[]} moments
 * @property {[number, number]} shape
 * @property {number} place  where the images begin among all pixels, a byte for each
 * @property {number[]} labels
 * @property {(number|null)[][][][]} percent  [sigma][of moments][image][class]: how sure it is
 */

/**
 * A link that shows something.
 * @typedef {{text: string, state: Record<string, string>}} Stop
 */

/** @typedef {{sweeps: Sweep[], tour: Stop[]}} Page */

/**
 * What an element of a page like this one holds, gzipped and in base64.
 * @param {Document} of
 * @param {string} id
 * @returns {Promise<Uint8Array>}
 */
async function unpacked(of, id) {
  const text = of.getElementById(id)?.textContent;
  if (!text) throw new Error(`no ${id}`);
  const packed = Uint8Array.from(atob(text), c => c.charCodeAt(0));
  const stream = new Blob([packed]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(stream).arrayBuffer());
}

/** @param {Uint8Array} bytes */
function textOf(bytes) { return new TextDecoder().decode(bytes); }

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
function element(id) {
  return /** @type {HTMLElement} */ (document.getElementById(id));
}

/**
 * A new element with attributes and children; text stays text, whatever a file says.
 * @template {keyof HTMLElementTagNameMap} K
 * @param {K} name
 * @param {Record<string, string>} attributes
 * @param {...(Node|string)} children
 * @returns {HTMLElementTagNameMap[K]}
 */
function made(name, attributes = {}, ...children) {
  const node = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) node.setAttribute(key, value);
  node.append(...children);
  return node;
}

/**
 * The place of the last of rising `moments` that is not after `moment`.
 * @param {number[]} moments
 * @param {number} moment
 */
function latest(moments, moment) {
  return Math.max(0, moments.findLastIndex(known => known <= moment));
}

/**
 * A number for people, a power of ten where zeros would have to be counted.
 * @param {number|null|undefined} value
 * @param {number} digits  that count
 * @returns {string}
 */
function told(value, digits = 3) {
  if (value === null || value === undefined || !Number.isFinite(value)) return "overflowed";
  if (value === 0) return "0";
  if (value < 0) return `\u2212${told(-value, digits)}`;
  if (value >= 1e-4 && value < 1e5) return String(Number(value.toPrecision(digits)));
  const [factor, exponent] = value.toExponential(digits - 1).split("e");
  const power = `10${superscript(Number(exponent))}`;
  return Number(factor) === 1 ? power : `${Number(factor)} · ${power}`;
}

/** A power of ten on an axis.
 * @param {number} value */
function power(value) { return `10${superscript(Math.round(Math.log10(value)))}`; }

/** @param {number} exponent */
function superscript(exponent) {
  const digits = "⁰¹²³⁴⁵⁶⁷⁸⁹";
  return [...String(exponent)].map(c => c === "-" ? "⁻" : digits[Number(c)]).join("");
}

/** @param {number|null|undefined} share */
function percent(share) {
  return share === null || share === undefined ? "unknown" : `${(100 * share).toFixed(2)}\u00a0%`;
}
