// What is chosen, and its link: the URL's fragment says all of it.

/**
 * @typedef {Object} State
 * @property {number} variant  place of the sweep
 * @property {number} sigma  place among its sigmas
 * @property {number} moment
 * @property {{variant: number, sigma: number}|null} pin  what is compared with
 */

/**
 * The place of the sigma next to `value` on a logarithmic axis.
 * @param {number[]} sigmas
 * @param {number} value
 */
function nearest(sigmas, value) {
  const distance = sigmas.map(sigma => Math.abs(Math.log(sigma / value)));
  return distance.indexOf(Math.min(...distance));
}

/**
 * What a fragment asks for; what it leaves out or misspells stays as in `state`.
 * @param {string} fragment
 * @param {Sweep[]} sweeps
 * @param {State} state
 * @returns {State}
 */
function parsed(fragment, sweeps, state) {
  const asked = new URLSearchParams(fragment.replace(/^#/, ""));
  const place = (/** @type {string|null} */ name) => sweeps.findIndex(of => of.name === name);
  const sigma = (/** @type {string} */ key, /** @type {number} */ variant) => {
    const value = Number(asked.get(key));
    return value > 0 && Number.isFinite(value) ? nearest(sweeps[variant].sigmas, value) : -1;
  };
  const variant = asked.has("variant") ? Math.max(0, place(asked.get("variant"))) : state.variant;
  const found = sigma("sigma", variant);
  const kept = nearest(sweeps[variant].sigmas, sweeps[state.variant].sigmas[state.sigma]);
  const pinned = Math.max(0, place(asked.get("pin")));
  const pin = sigma("pinsigma", pinned);
  return inside({
    variant,
    sigma: found < 0 ? kept : found,
    moment: asked.has("epoch") ? Number(asked.get("epoch")) : state.moment,
    pin: pin < 0 ? null : { variant: pinned, sigma: pin },
  }, sweeps);
}

/**
 * The same with an epoch that the sweep has.
 * @param {State} state
 * @param {Sweep[]} sweeps
 * @returns {State}
 */
function inside(state, sweeps) {
  const last = sweeps[state.variant].moments.length - 1;
  const moment = Math.min(last, Math.max(0, Math.round(state.moment) || 0));
  return { ...state, moment };
}

/**
 * The inverse of parsed().
 * @param {State} state
 * @param {Sweep[]} sweeps
 */
function fragment(state, sweeps) {
  const sweep = sweeps[state.variant];
  const asked = new URLSearchParams();
  if (sweeps.length > 1) asked.set("variant", sweep.name);
  asked.set("sigma", String(sweep.sigmas[state.sigma]));
  asked.set("epoch", String(state.moment));
  if (state.pin) {
    const pinned = sweeps[state.pin.variant];
    if (sweeps.length > 1) asked.set("pin", pinned.name);
    asked.set("pinsigma", String(pinned.sigmas[state.pin.sigma]));
  }
  return `#${asked}`;
}
