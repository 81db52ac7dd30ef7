"""Scores predicted from transfer, with intervals and limits."""
