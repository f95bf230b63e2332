//! The whole platform, with real SIP, RTP and a browser.
