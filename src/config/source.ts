// Where documents come from. A source delivers whole texts and knows nothing of what is in them. Pure types.

export interface SourceText {
  /** Grows with every text that differs from the one before; the source's own count, or the fleet's version. */
  readonly revision: number;
  readonly text: string;
}

export interface ConfigSource {
  /** As shown to operators: the file's path. */
  readonly name: string;
  /** The newest text. Rejects with config_unreadable, or config_invalid for what is no text, saying why. */
  read(): Promise<SourceText>;
  /** Calls back after each change of the source, at most once per settled change; returns how to stop. */
  watch(onChange: () => void): () => void;
}
