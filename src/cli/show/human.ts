/** Numbers as people read them: counts, rates, durations, sizes, shares. The same in every locale. */
import { counted, formatCount } from "../../core/counted.ts";

/** `1 row`, `1,234 rows`. */
export function formatRows(rows: number): string {
  return counted(rows, "row");
}

/** `0.5/s`, `19.8/s`, `20/s`, `1,480/s`. */
export function formatRate(perSecond: number): string {
  if (perSecond >= 100) return `${formatCount(perSecond)}/s`;
  return `${trimZeros(perSecond.toFixed(perSecond > 0 && perSecond < 1 ? 2 : 1))}/s`;
}

/** `850 ms`, `4.2 s`, `52 s`, `1 min 05 s`, `2 h 03 min`, `3 d 4 h`. */
export function formatDuration(ms: number): string {
  const safeMs = Math.max(0, ms);
  if (safeMs < 999.5) return `${Math.round(safeMs)} ms`;
  if (safeMs < 9_950) return `${trimZeros((safeMs / 1_000).toFixed(1))} s`;
  const seconds = Math.round(safeMs / 1_000);
  if (seconds < 60) return `${seconds} s`;
  if (seconds < 3_600) return `${Math.floor(seconds / 60)} min ${twoDigits(seconds % 60)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 1_440) return `${Math.floor(minutes / 60)} h ${twoDigits(minutes % 60)} min`;
  const hours = Math.round(minutes / 60);
  return `${Math.floor(hours / 24)} d ${hours % 24} h`;
}

/** `512 B`, `1.5 KiB`, `253 MiB`. */
export function formatBytes(bytes: number): string {
  const units = ["KiB", "MiB", "GiB", "TiB"];
  if (bytes < 1_023.5) return `${Math.round(bytes)} B`;
  let value = bytes / 1_024;
  let unit = 0;
  while (value >= 1_023.5 && unit < units.length - 1) {
    value /= 1_024;
    unit += 1;
  }
  return `${value < 9.95 ? trimZeros(value.toFixed(1)) : Math.round(value)} ${units[unit] ?? ""}`;
}

/** `55 %`, never `100 %` before all is done, nor `0 %` once something is. */
export function formatShare(share: number): string {
  if (share <= 0) return "0 %";
  if (share >= 1) return "100 %";
  return `${Math.min(99, Math.max(1, Math.round(share * 100)))} %`;
}

/** How long ago, for lists: `just now`, `4 min ago`, `3 h ago`, `12 d ago`. */
export function formatAge(ms: number): string {
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 1) return "just now";
  if (minutes < 60) return `${minutes} min ago`;
  const hours = Math.floor(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.floor(hours / 24)} d ago`;
}

function trimZeros(digits: string): string {
  return digits.replace(/\.?0+$/, "");
}

function twoDigits(value: number): string {
  return String(value).padStart(2, "0");
}
