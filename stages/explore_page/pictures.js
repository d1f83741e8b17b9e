// Images: first-layer units and test digits, painted pixel by pixel.

/** Levels of a weight on either side of 0; see stages/figures/explore.py. */
const LEVELS = 7;
const ACROSS = 8;

/**
 * The three numbers of a colour that the style sheet names.
 * @param {string} name
 */
function colour(name) {
  const text = getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  return [1, 3, 5].map(place => parseInt(text.slice(place, place + 2), 16));
}

/** Of each level from -LEVELS to LEVELS its colour: blue, that of the page, orange. */
function palette() {
  const [negative, zero, positive] = ["--negative", "--zero", "--positive"].map(colour);
  return Array.from({ length: 2 * LEVELS + 1 }, (_, i) => {
    const share = Math.abs(i - LEVELS) / LEVELS, end = i < LEVELS ? negative : positive;
    return zero.map((from, c) => from + share * (end[c] - from));
  });
}

/**
 * Paint images beside each other, `across` in a row, with a pixel between them.
 * @param {HTMLCanvasElement} canvas
 * @param {number} count
 * @param {[number, number]} shape  rows and columns of each
 * @param {number} across
 * @param {(pixel: number) => number[]} colourAt  of a pixel, counted through all images
 */
function paint(canvas, count, [rows, columns], across, colourAt) {
  const high = Math.ceil(count / across);
  const wide = Math.min(across, count);
  canvas.width = wide * (columns + 1) - 1;
  canvas.height = high * (rows + 1) - 1;
  const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext("2d"));
  const image = context.createImageData(canvas.width, canvas.height);
  for (let pixel = 0; pixel < count * rows * columns; pixel++) {
    const number = Math.floor(pixel / (rows * columns)), within = pixel % (rows * columns);
    const y = Math.floor(number / across) * (rows + 1) + Math.floor(within / columns);
    const x = number % across * (columns + 1) + within % columns;
    const [red, green, blue] = colourAt(pixel);
    image.data.set([red, green, blue, 255], 4 * (y * canvas.width + x));
  }
  context.putImageData(image, 0, 0);
}

/**
 * The units of a moment; two pixels share a byte, the first in its upper half.
 * @param {HTMLCanvasElement} canvas
 * @param {Units} units
 * @param {number} place  where they begin
 * @param {Uint8Array} pixels
 * @param {number[][]} colours  palette()
 */
function paintUnits(canvas, units, place, pixels, colours) {
  paint(canvas, units.count, units.shape, ACROSS, pixel => {
    const byte = pixels[place + (pixel >> 1)];
    return colours[pixel & 1 ? byte & 15 : byte >> 4];
  });
}

/**
 * A test image, white on black as the network sees it.
 * @param {HTMLCanvasElement} canvas
 * @param {Digits} digits
 * @param {number} number
 * @param {Uint8Array} pixels
 */
function paintDigit(canvas, digits, number, pixels) {
  const size = digits.shape[0] * digits.shape[1];
  paint(canvas, 1, digits.shape, 1, pixel => {
    const grey = pixels[digits.place + number * size + pixel];
    return [grey, grey, grey];
  });
}
