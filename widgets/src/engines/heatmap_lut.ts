/** Colour arithmetic in OKLab (Ottosson 2020) and the 256-entry look-up tables of the painters. */

/** 0..255 each. */
export type RGB = readonly [number, number, number];

const HEX = /^#([0-9a-f]{3,8})$/i;

/** Reads `#rgb`, `#rrggbb`, `rgb()`, `rgba()` as the computed style of an element gives them; `fallback` for anything else. */
export function parseColour(text: string, fallback: RGB = [128, 128, 128]): RGB {
  const trimmed = text.trim();
  const hex = HEX.exec(trimmed)?.[1];
  if (hex) {
    const wide = hex.length < 6 ? [...hex].map((c) => c + c).join('') : hex;
    return [0, 2, 4].map((i) => parseInt(wide.slice(i, i + 2), 16)) as unknown as RGB;
  }
  const parts = /^rgba?\(([^)]+)\)$/i.exec(trimmed)?.[1]?.split(/[\s,/]+/).filter(Boolean).map(parseFloat);
  return parts && parts.length >= 3 && parts.slice(0, 3).every(Number.isFinite) ? [parts[0]!, parts[1]!, parts[2]!] : fallback;
}

const toLinear = (c: number) => (c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4);
const toGamma = (c: number) => (c <= 0.0031308 ? c * 12.92 : 1.055 * c ** (1 / 2.4) - 0.055);

/** [L 0..1, a, b]. */
export function oklab(rgb: RGB): [number, number, number] {
  const [r, g, b] = rgb.map((c) => toLinear(c / 255)) as [number, number, number];
  const l = Math.cbrt(0.4122214708 * r + 0.5363325363 * g + 0.0514459929 * b);
  const m = Math.cbrt(0.2119034982 * r + 0.6806995451 * g + 0.1073969566 * b);
  const s = Math.cbrt(0.0883024619 * r + 0.2817188376 * g + 0.6299787005 * b);
  return [
    0.2104542553 * l + 0.793617785 * m - 0.0040720468 * s,
    1.9779984951 * l - 2.428592205 * m + 0.4505937099 * s,
    0.0259040371 * l + 0.7827717662 * m - 0.808675766 * s,
  ];
}

function rgbOf(L: number, a: number, b: number): [number, number, number] {
  const l = (L + 0.3963377774 * a + 0.2158037573 * b) ** 3;
  const m = (L - 0.1055613458 * a - 0.0638541728 * b) ** 3;
  const s = (L - 0.0894841775 * a - 1.291485548 * b) ** 3;
  return [
    4.0767416621 * l - 3.3077115913 * m + 0.2309699292 * s,
    -1.2684380046 * l + 2.6097574011 * m - 0.3413193965 * s,
    -0.0041960863 * l - 0.7034186147 * m + 1.707614701 * s,
  ];
}

/** The sRGB colour with this lightness, chroma and hue (radians); chroma gives way where sRGB ends. */
export function oklch(L: number, chroma: number, hue: number): RGB {
  const inside = (c: number) => rgbOf(L, c * Math.cos(hue), c * Math.sin(hue)).every((v) => v >= -1e-4 && v <= 1.0001);
  let kept = chroma;
  if (!inside(chroma)) {
    let low = 0;
    for (let i = 0, high = chroma; i < 14; i++) {
      const mid = (low + high) / 2;
      if (inside(mid)) low = mid;
      else high = mid;
    }
    kept = low;
  }
  return rgbOf(L, kept * Math.cos(hue), kept * Math.sin(hue))
    .map((v) => Math.round(255 * Math.min(Math.max(toGamma(Math.max(v, 0)), 0), 1))) as unknown as RGB;
}

/** `t` of the way from one colour to the other, straight through OKLab. */
export function mix(from: RGB, to: RGB, t: number): RGB {
  const a = oklab(from);
  const b = oklab(to);
  const at = (i: 0 | 1 | 2) => a[i] + (b[i] - a[i]) * t;
  return oklch(at(0), Math.hypot(at(1), at(2)), Math.atan2(at(2), at(1)));
}

export const css = (rgb: RGB, alpha = 1): string => `rgba(${rgb[0]}, ${rgb[1]}, ${rgb[2]}, ${alpha})`;

/** Opaque pixel of an ImageData seen as Uint32 (every platform with a browser is little-endian). */
export const pixel = (rgb: RGB): number => (0xff000000 | (Math.round(rgb[2]) << 16) | (Math.round(rgb[1]) << 8) | Math.round(rgb[0])) >>> 0;

export const isDark = (background: RGB): boolean => oklab(background)[0] < 0.6;

/**
 * 256 pixels from the background through one hue to the far end of lightness: darker is more on light themes, lighter on dark.
 * Lightness is monotone, so the picture survives greyscale; entry 0 is the background and entry 1 already differs from it,
 * because a single count must be seen.
 */
export function sequential(background: RGB, hue: RGB): Uint32Array {
  const [from] = oklab(background);
  const [, a, b] = oklab(hue);
  const chroma = Math.max(Math.hypot(a, b), 0.04);
  const angle = Math.atan2(b, a);
  const dark = from < 0.6;
  const to = dark ? 0.96 : 0.27;
  const table = new Uint32Array(256);
  table[0] = pixel(background);
  for (let i = 1; i < 256; i++) {
    const t = 0.07 + 0.93 * (i / 255);
    const hump = Math.min(1, t / 0.45) * (t > 0.7 ? 1 - 0.75 * ((t - 0.7) / 0.3) * (dark ? 1 : 0.6) : 1);
    table[i] = pixel(oklch(from + (to - from) * t, chroma * hump, angle));
  }
  return table;
}
