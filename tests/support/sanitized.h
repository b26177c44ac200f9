/* Whether sanitizers watch this program: IS_SANITIZED, 0 or 1. What takes ten times as long then is
 * done with less. */
#ifndef EIGENTENSOR_SANITIZED_H
#define EIGENTENSOR_SANITIZED_H

#ifndef __has_feature
#define __has_feature(feature) 0
#endif
#if defined __SANITIZE_ADDRESS__ || defined __SANITIZE_THREAD__ ||                                 \
    __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
#define IS_SANITIZED 1
#else
#define IS_SANITIZED 0
#endif

#endif
