// YAML as documents are written, by the `js-yaml` package, which takes a fifth of the time of `yaml` (yaml-tree.ts).
//
// `yaml` stays the judge of what a text means. js-yaml takes some texts that `yaml` refuses, and reads some others otherwise;
// texts with anything in them from which such a difference was ever seen get no answer here. Nor do texts that js-yaml
// refuses: then `yaml` says what is wrong, or that nothing is. test/unit/config/quick-yaml.test.ts holds the two together. Pure.

import {
  CORE_SCHEMA,
  constructFromEvents,
  EVENT_ID,
  type Event,
  getScalarValue,
  mapTag,
  parseEvents,
  SCALAR_STYLE,
  seqTag,
} from 'js-yaml';
import type { Path } from './problem.ts';

export interface QuickYaml {
  readonly value: unknown;
  /** Offset of the value at `path` (or of its key), or of the deepest part of the path that exists. */
  offsetOf(path: Path, part: 'key' | 'value'): number;
}

/** Undefined for text that is left to `yaml`, which says nothing about whether it is YAML. */
export function readQuickYaml(text: string): QuickYaml | undefined {
  if (odd.test(text.replace(quotedOrComment, 'q'))) return undefined;
  try {
    const events = parseEvents(text, {});
    const [value = null, ...more] = constructFromEvents(events, { source: text, schema, maxAliases: 0 });
    if (value === null || more.length > 0) return undefined;
    return { value, offsetOf: (path, part) => new Walk(text, events).offsetOf(path, part) };
  } catch {
    return undefined;
  }
}

/** What no document holds and libraries tell differently: keys that are no text, and nulls, which may be written as nothing. */
const schema = CORE_SCHEMA.withTags(
  {
    ...mapTag,
    addPair: (map, key, value) =>
      typeof key === 'string' && value !== null ? mapTag.addPair(map, key, value) : 'expected text and its value',
  },
  { ...seqTag, addItem: (list, item, i) => (item === null ? 'expected an item' : seqTag.addItem(list, item, i)) },
);

/** What may hold any character. Quotes that are not closed on their line, or have text right behind them, are none of this. */
const quotedOrComment = /(?<![^\s,[{])(?:"[^"\\\r\n]*"|'[^'\r\n]*')(?=[\s,:\]}]|$)|(?<!\S)#.*/gm;

const odd = new RegExp(
  [
    /[^\n -~\xa1-\u2027\u202a-\ufefe\uff00-\uffff]/, // tabs, CR, BOM, control characters, line ends of Unicode
    /["']/,
    /(?:^|[\s,[{:])[&*!|>%]/, // anchors, aliases, tags, block scalars, directives
    /(?:^|[\s,[{])[?:](?:\s|$)/, // keys of any kind, or none
    / ---|---[^\n]|\.\.\./, // the ends of documents, but for a line "---"
    /\d{200}|0x\w{200}|\d\.?e\+?\d{3}/, // numbers beyond all bounds
  ]
    .map(({ source }) => source)
    .join('|'),
  'im',
);

/** One walk over the events of a text from its start. */
class Walk {
  readonly #text: string;
  readonly #events: readonly Event[];
  /** The first event is the document's. */
  #next = 1;

  constructor(text: string, events: readonly Event[]) {
    this.#text = text;
    this.#events = events;
  }

  offsetOf(path: Path, part: 'key' | 'value'): number {
    let offset = startOf(this.#events[this.#next]);
    for (const [depth, segment] of path.entries()) {
      const keyStart = this.#enter(segment);
      if (keyStart === undefined) return offset;
      const value = this.#events[this.#next];
      // A block collection starts on the line after its key; people look for the key.
      const isAtKey = value?.type !== EVENT_ID.SCALAR || (part === 'key' && depth === path.length - 1);
      offset = isAtKey ? keyStart : startOf(value);
    }
    return offset;
  }

  /** From a collection to its value of that name or number; says where that or its key stands, undefined where there is none. */
  #enter(segment: string | number): number | undefined {
    const kind = this.#events[this.#next++]?.type;
    for (let item = 0; ; item++) {
      const event = this.#events[this.#next];
      if (event === undefined || event.type === EVENT_ID.POP) return undefined;
      if (kind === EVENT_ID.SEQUENCE && item === Number(segment)) return startOf(event);
      if (kind === EVENT_ID.MAPPING) {
        this.#next++;
        if (event.type === EVENT_ID.SCALAR && getScalarValue(this.#text, event) === String(segment)) return startOf(event);
      }
      this.#skip();
    }
  }

  #skip(): void {
    let depth = 0;
    do {
      const type = this.#events[this.#next++]?.type;
      if (type === EVENT_ID.MAPPING || type === EVENT_ID.SEQUENCE) depth++;
      else if (type === EVENT_ID.POP) depth--;
    } while (depth > 0);
  }
}

function startOf(event: Event | undefined): number {
  if (event?.type === EVENT_ID.MAPPING || event?.type === EVENT_ID.SEQUENCE) return event.start;
  if (event?.type !== EVENT_ID.SCALAR) return 0;
  const isQuoted = event.style === SCALAR_STYLE.SINGLE_QUOTED || event.style === SCALAR_STYLE.DOUBLE_QUOTED;
  return isQuoted ? event.valueStart - 1 : event.valueStart;
}
