[program:a]
command=php artisan queue:work
