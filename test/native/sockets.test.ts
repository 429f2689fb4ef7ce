// BGP's sockets (native/net/sockets.c) under the sanitizers, against this kernel.

import { execFileSync } from 'node:child_process';
import { beforeAll, describe, expect, it } from 'vitest';
import { buildNative, native } from '../support/native-build.ts';

describe('the sockets of BGP', () => {
  beforeAll(() => buildNative('test-sockets'));

  it('keep to every rule that native/test/sockets_test.c names', () => {
    const rules = execFileSync(`${native}/build/test/sockets_test`, { encoding: 'utf8' }).trimEnd().split('\n');
    expect(rules).toHaveLength(7);
  });
});
