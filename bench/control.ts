// How long the control plane takes: Maglev tables, documents through the compiler, and a live daemon that starts and reloads
// with packets under way. docs/benchmarks.md says what each measure is. The live ones need root; without, they are skipped.

import { failWith } from '../deploy/lab/arguments.ts';
import { measureCompile } from './compile.ts';
import { measureLive } from './live.ts';
import { benchOptions, reporter } from './report.ts';
import { measureTables } from './tables.ts';

const options = benchOptions();
const report = reporter(options);
measureTables(options, report);
measureCompile(options, report);
try {
  if ((await measureLive(options, report)) === 'interrupted') process.exit(130);
} catch (error) {
  failWith('bench:control', error);
}
