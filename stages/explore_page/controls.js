// Sliders, keys, links: each changes the state, and all of the page is drawn again.

/** Milliseconds of an epoch that plays. Nothing else on the page moves by itself. */
const STEP = matchMedia("(prefers-reduced-motion: reduce)").matches ? 2000 : 700;
/** Milliseconds without a move after which the address tells the state. */
const LINK_AFTER = 250;

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
  const button = target.matches("button, a, summary, input[type=radio], input[type=file]");
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
  const files = /** @type {HTMLInputElement} */ (element("file"));
  files.addEventListener("change", async () => {
    for (const file of files.files ?? []) await addPage(file);
    files.value = "";
  });
  document.addEventListener("keydown", keyed);
  addEventListener("hashchange", () => {
    if (location.hash === link) return;
    play(false);
    choose(parsed(location.hash, sweeps, state));
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  new ResizeObserver(() => fitSlider(current())).observe(element("accuracy"));
}
