// `torii replay` from its arguments to its end: documents, capture, run, summary. Needs no privilege and no network.
//
// OUT is touched only when every document is right and IN is a capture. It holds what was judged so far whatever happens then,
// as with any capture tool.

import { statSync } from 'node:fs';
import { MemoryEngine } from '../dataplane/memory-engine.ts';
import { ToriiError } from '../errors.ts';
import { Capture } from './capture.ts';
import { type Loading, readDocuments } from './documents.ts';
import type { ReplayOptions, ReplayStreams } from './options.ts';
import { PcapWriter } from './pcap-writer.ts';
import { Replay } from './replay.ts';

/** Rejects with capture_invalid after the run where the capture's end is missing. */
export async function runReplay(options: ReplayOptions, streams: ReplayStreams): Promise<void> {
  const documents = await readDocuments(options);
  for (const warning of documents.warnings) streams.err(`warning: ${warning}\n`);
  const engine = new MemoryEngine({ flowEntries: documents.flowEntries });
  try {
    engine.load(documents.first);
    const capture = new Capture(options.input);
    try {
      checkOutput(capture, options.output);
      await runCapture({ options, streams, capture, engine, later: documents.later });
    } finally {
      capture.close();
    }
    if (capture.failure !== null) throw capture.failure;
  } finally {
    engine.close();
  }
}

interface Run {
  readonly options: ReplayOptions;
  readonly streams: ReplayStreams;
  readonly capture: Capture;
  readonly engine: MemoryEngine;
  readonly later: readonly Loading[];
}

async function runCapture(run: Run): Promise<void> {
  const writer = new PcapWriter(run.options.output);
  let summary: string;
  try {
    summary = await judgeAll(run, writer);
  } finally {
    writer.close();
  }
  run.streams.err(summary);
}

async function judgeAll({ options, streams, capture, engine, later }: Run, writer: PcapWriter): Promise<string> {
  const print = options.isJson ? (lines: string) => streams.out(lines) : null;
  const replay = new Replay({ engine, later, writer, print });
  for (let packet = capture.next(); packet !== undefined; packet = capture.next()) {
    if (replay.add(packet) && options.isJson) await streams.drained();
  }
  return replay.finish();
}

/** Emptying the file that is being read would leave neither. */
function checkOutput({ source }: Capture, path: string): void {
  const input = source.stats;
  const output = statSync(path, { throwIfNoEntry: false });
  if (output !== undefined && output.isFile() && output.dev === input.dev && output.ino === input.ino) {
    throw new ToriiError('usage', `replay: IN and OUT are the same file, ${path}`);
  }
}
