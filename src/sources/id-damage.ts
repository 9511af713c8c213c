/** IDs that lost something on their way: digits, in a spreadsheet, or zeros at the front. */
import { excerpt, type RowProblem } from "./record.ts";
import { problem } from "./row-problems.ts";

/** Spreadsheets keep 15 digits of a number, and write zeros for the others. */
const KEPT_DIGITS = 15;
/** Three zeros and more: of IDs that are whole, one in a thousand at most ends so. */
const TELLING_DIGITS = 18;
const MOST_DIGITS = 20;
/** So many whole IDs for each that looks damaged, and it is whole, too. */
const WHOLE_FOR_ONE = 50;
/** Fewer say nothing of IDs of 16 and 17 digits, where a zero at the end is nothing rare. */
const FEWEST_SHORTER = 5;

const DIGITS = /^[1-9]\d*$/;

/** Decimal IDs of one column of a table, in order. */
export class RoundedDigits {
  #whole = 0;
  #damaged = 0;
  #shorterWhole = 0;
  #shorterDamaged = 0;

  problemOf(id: string, what: string): RowProblem | undefined {
    if (id.length <= KEPT_DIGITS || id.length > MOST_DIGITS || !DIGITS.test(id)) return undefined;
    const isRound = /^0+$/.test(id.slice(KEPT_DIGITS));
    if (id.length < TELLING_DIGITS) {
      if (isRound) this.#shorterDamaged += 1;
      else this.#shorterWhole += 1;
      return undefined;
    }
    if (!isRound) this.#whole += 1;
    else if ((this.#damaged += 1) * WHOLE_FOR_ONE > this.#whole) return lostDigits(id, what);
    return undefined;
  }

  warning(what: string): string | undefined {
    if (this.#shorterWhole > 0 || this.#shorterDamaged < FEWEST_SHORTER) return undefined;
    return `every ${what} of 16 or 17 digits ends in zeros: a spreadsheet may have rounded them; if it has, export the file again, with the ID as text`;
  }
}

function lostDigits(id: string, what: string): RowProblem {
  return problem(
    "excel_damage",
    `${what} ${excerpt(id)} has nothing but zeros behind 15 digits, probably from a spreadsheet, which keeps no more: export the file again, with the ID as text`,
  );
}

const HEX = /^[0-9a-f]+$/i;

/** Hex IDs of one kind: whether some are shorter than the others, as if zeros had been stripped. */
export class StrippedZeros {
  readonly #digits: number;
  #whole = 0;
  #short = 0;
  #example: string | undefined;

  /** `digits`: of an ID that lost nothing. */
  constructor(digits: number) {
    this.#digits = digits;
  }

  /** Asked of every row: the length alone decides nearly always. */
  note(id: string): void {
    if (id.length === this.#digits) this.#whole += 1;
    else if (id.length < this.#digits && id.length >= this.#digits - 6 && HEX.test(id)) {
      this.#short += 1;
      this.#example ??= id;
    }
  }

  warning(what: string): string | undefined {
    if (this.#example === undefined || this.#short > this.#whole) return undefined;
    const short = this.#short === 1 ? `1 ${what} has` : `${this.#short} ${what}s have`;
    return `${short} fewer than ${this.#digits} hex digits, such as ${excerpt(this.#example)}: if zeros at the front were stripped, --pad-ids gives them back`;
  }
}
