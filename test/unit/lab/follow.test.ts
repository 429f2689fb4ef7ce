import { describe, expect, it } from 'vitest';
import { follower } from '../../../deploy/lab/routers/follow.ts';

describe('a mirror that follows a routing daemon', () => {
  it('looks once more for all that happened while it looked', async () => {
    const ends: (() => void)[] = [];
    const follow = follower(() => new Promise((resolve) => ends.push(resolve)));
    const followed = follow();
    await Promise.all([follow(), follow()]);
    expect(ends).toHaveLength(1);
    ends[0]?.();
    await expect.poll(() => ends.length).toBe(2);
    ends[1]?.();
    await followed;
    expect(ends).toHaveLength(2);
  });

  it('looks again where the look itself asks for it', async () => {
    let looks = 0;
    const follow = follower(async () => {
      looks++;
      if (looks === 1) void follow();
    });
    await follow();
    expect(looks).toBe(2);
  });
});
