import { notifyMembers } from './notify-members.ts';
import { purgeTokens } from './purge-tokens.ts';
import { refreshActivity, refreshLeaderboard } from './refresh-views.ts';
import { sendDigests } from './send-digests.ts';
import { sendEmail } from './send-email.ts';
import { sendPush } from './send-push.ts';
import { sendReminders } from './send-reminders.ts';
import { updateBadges } from './update-badges.ts';
import { updateScore } from './update-score.ts';

/** Every job of the application. */
export const jobs = [
  notifyMembers,
  purgeTokens,
  refreshActivity,
  refreshLeaderboard,
  sendDigests,
  sendEmail,
  sendPush,
  sendReminders,
  updateBadges,
  updateScore,
];
