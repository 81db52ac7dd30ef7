import { logarithm } from "./numbers.js";

// A score as its shade is computed.
export const scale = (score) => (score.diverging || (score.lower && !score.linear) ? logarithm : (value) => value);

// The colour scale of a heatmap whose shades lie between two ends.
export function colours(score, shown) {
  if (!score.diverging) return { colorscale: "Cividis", reversescale: score.lower, zmin: shown[0], zmax: shown[1] };
  const far = Math.max(...shown.map(Math.abs), 0.01);
  return { colorscale: PURPLE_TO_ORANGE, zmin: -far, zmax: far };
}

// Even steps from purple over white to orange, told apart by all kinds of colour vision.
const PURPLE_TO_ORANGE = ["#542788", "#8073ac", "#b2abd2", "#d8daeb", "#f7f7f7", "#fee0b6", "#fdb863", "#e08214", "#b35806"]
  .map((shade, i, all) => [i / (all.length - 1), shade]);

const VIRIDIS = ["#440154", "#414487", "#2a788e", "#22a884", "#7ad151", "#fde725"];

// The part of it that stands out from dark or light paper.
export function viridis(dark) {
  const part = dark ? VIRIDIS.slice(1) : VIRIDIS.slice(0, -1);
  return part.map((shade, i) => [i / (part.length - 1), shade]);
}
