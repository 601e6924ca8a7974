// @ts-check

/** A number in few digits. @param {number | null | undefined} value @returns {string} */
export function number(value) {
  if (value === null || value === undefined || Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  const size = Math.abs(value);
  if (size >= 1e6 || size < 1e-4) return value.toExponential(2);
  if (Number.isInteger(value)) return value.toLocaleString("en");
  return value.toPrecision(size >= 1000 ? 5 : 4).replace(/(\.\d*?)0+$/, "$1").replace(/\.$/, "");
}

/** A time between two moments. @param {number} ms @returns {string} as "3 min" */
export function duration(ms) {
  const seconds = Math.max(0, ms / 1000);
  if (seconds < 60) return `${Math.round(seconds)} s`;
  if (seconds < 3600) return `${Math.round(seconds / 60)} min`;
  if (seconds < 48 * 3600) {
    const minutes = Math.round(seconds / 60);
    return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  }
  return `${Math.round(seconds / 86400)} days`;
}

/** A moment. @param {number} ms since 1970 @returns {string} */
export function moment(ms) {
  return new Date(ms).toLocaleString("sv", { timeZoneName: undefined }).slice(0, 19);
}

/** A share in percent with its sign. @param {number | null} value @returns {string} */
export function percent(value) {
  return value === null
    ? "–"
    : `${value > 0 ? "−" : value < 0 ? "+" : ""}${Math.abs(value).toFixed(1)} %`;
}

/** A state of a run in lower case. @param {string} state @returns {string} */
export function stateName(state) {
  return state.toLowerCase();
}

/** Whether a run goes on. @param {string} state @returns {boolean} */
export function goesOn(state) {
  return state === "STARTING" || state === "RUNNING" || state === "PAUSED";
}
