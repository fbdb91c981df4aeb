# METADATA
# title: Business calendar
# description: |
#   Where the tenant's data holds a calendar for the action, the write leaves only on its weekdays, inside its windows of
#   local time (from inclusive, to exclusive), not on a day in `closed_on`; a day in `open_on` counts as a weekday, unless it
#   is closed too. An action without a calendar is always open. The time is the input's: the same question gets the same
#   answer when it is replayed.
# custom:
#   codes:
#     CLOSED_DAY: The tenant's calendar is closed on this day.
#     OUTSIDE_BUSINESS_HOURS: The tenant's calendar is closed at this hour.
package countersign.commit.calendar

default passes := false

passes if {
	calendars
	not governed
}

passes if {
	governed
	day_open
	hour_open
}

reasons contains {"code": "CLOSED_DAY", "detail": today} if {
	governed
	not day_open
}

reasons contains {"code": "OUTSIDE_BUSINESS_HOURS", "detail": detail} if {
	governed
	not hour_open
	detail := sprintf("%s %s", [now, calendar.timezone])
}

calendars := object.get(data.countersign.tenants[input.tenant], "calendar", {})

governed if input.action in object.keys(calendars)

calendar := calendars[input.action]

day_open if {
	not today in object.get(calendar, "closed_on", [])
	lower(time.weekday(instant)) in calendar.weekdays
}

day_open if {
	not today in object.get(calendar, "closed_on", [])
	today in object.get(calendar, "open_on", [])
}

hour_open if {
	some window in calendar.windows
	window.from <= now
	now < window.to
}

instant := [input.time_ms * 1000000, calendar.timezone]

today := sprintf("%04d-%02d-%02d", time.date(instant))

now := sprintf("%02d:%02d", array.slice(time.clock(instant), 0, 2))
