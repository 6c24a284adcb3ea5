// Numbers as people read them.

/** Write milliseconds: `8.2 ms`, `402 ms`, `1.94 s`, `2 min 5 s`. */
export function duration(ms) {
  if (ms === null || ms === undefined) return "–";
  if (ms < 10) return `${ms.toFixed(1)} ms`;
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1000).toFixed(2)} s`;
  const seconds = Math.round(ms / 1000);
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 2880) return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
  return `${Math.floor(minutes / 1440)} days`;
}

/** Write US dollars: two digits after the point, or three that count if there is less. */
export function dollars(usd) {
  if (usd === null || usd === undefined) return "–";
  if (usd === 0) return "$0";
  if (Math.abs(usd) >= 0.1)
    return `$${usd.toLocaleString("en", { minimumFractionDigits: 2, maximumFractionDigits: 2 })}`;
  if (Math.abs(usd) < 1e-9) return "< $0.000000001";
  return `$${Number(usd.toPrecision(3)).toFixed(10).replace(/0+$/, "")}`;
}

/** Write a share of 1 as percent. */
export function percent(share) {
  const value = share * 100;
  return `${Number(value >= 10 ? value.toFixed(0) : value.toFixed(1))} %`;
}

/** Write a whole number with separators. */
export function count(number) {
  return number === null || number === undefined ? "–" : number.toLocaleString("en");
}

/** Write bytes in MiB. */
export function mebibytes(bytes) {
  return `${(bytes / 1_048_576).toFixed(1)} MiB`;
}

/** Write how many of something there are: `1 attempt`, `2 attempts`. */
export function many(number, noun) {
  return `${count(number)} ${noun}${number === 1 ? "" : "s"}`;
}

/** Write how long ago a moment was. **Units.** Seconds of Unix time. */
export function ago(then, now) {
  const seconds = Math.max(0, now - then);
  return seconds < 1
    ? "just now"
    : `${duration(Math.round(seconds) * 1000).replace(".00", "")} ago`;
}
